"""Descriptors at interest points: what their rows mean, on photos, digits and images that show nothing."""

import copy
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_sample_images
from torch import Tensor

from alexnet.errors import BadModel
from alexnet.models.handcrafted.keypoints import SURF, InterestPoints, SparseSIFT, gray_square

BUILDERS = [(SparseSIFT, "cv2"), (SURF, "mahotas")]


@pytest.fixture(params=BUILDERS, ids=["sift", "surf"])
def extractor(request: pytest.FixtureRequest) -> InterestPoints:
    builder, library = request.param
    pytest.importorskip(library)
    made: InterestPoints = builder()
    return made


def photos(size: int = 120) -> Tensor:
    return torch.stack(
        [torch.from_numpy(photo[100 : 100 + size, 200 : 200 + size].copy()).permute(2, 0, 1) for photo in load_sample_images().images]
    )


def digits(count: int) -> Tensor:
    pixels = torch.from_numpy((load_digits().images[:count] * 255 / 16).round().astype(np.uint8))
    return pixels[:, None].expand(-1, 3, -1, -1)


def test_rows_know_their_image_and_place(extractor: InterestPoints) -> None:
    images = photos()
    descriptors, image_of_row, centres = extractor(images)
    assert (descriptors.dtype, image_of_row.dtype, centres.dtype) == (torch.float32, torch.int64, torch.float32)
    assert descriptors.shape == (len(image_of_row), extractor.dimensions)
    assert centres.shape == (len(image_of_row), 2)
    assert torch.bincount(image_of_row, minlength=2).min() > 20
    assert image_of_row.tolist() == sorted(image_of_row.tolist())
    assert ((centres >= 0) & (centres <= 1)).all()
    torch.testing.assert_close(descriptors.norm(dim=1), torch.ones(len(descriptors)))
    for index in range(2):
        alone = extractor(images[index : index + 1])
        assert torch.equal(alone[0], descriptors[image_of_row == index])
        assert torch.equal(alone[2], centres[image_of_row == index])


def test_a_blob_is_found_where_it_lies(extractor: InterestPoints) -> None:
    y, x = np.mgrid[:160, :160]
    blob = 100 + 100 * np.exp(-((y - 50) ** 2 + (x - 100) ** 2) / (2 * 3.0**2))
    _, _, centres = extractor(torch.from_numpy(blob.round().astype(np.uint8)).expand(1, 3, -1, -1))
    strongest = centres[(centres - torch.tensor([100.5, 50.5]) / 160).norm(dim=1).argmin()]
    torch.testing.assert_close(strongest, torch.tensor([100.5, 50.5]) / 160, rtol=0, atol=1 / 160)


@pytest.mark.parametrize(("builder", "library"), BUILDERS)
def test_turned_images_have_turned_points_and_equal_descriptors(builder: type[InterestPoints], library: str) -> None:
    pytest.importorskip(library)
    image = photos()[:1]
    descriptors, _, centres = builder()(image)
    turned, _, places = builder()(image.rot90(2, (2, 3)))
    nearest = torch.cdist(1 - centres, places).min(dim=1)
    same = nearest.values < 0.005
    assert same.float().mean() > 0.8
    alike = (descriptors * turned[nearest.indices]).sum(1)[same]
    assert alike.median() > 0.9


def test_most_digits_have_points(extractor: InterestPoints) -> None:
    _, image_of_row, _ = extractor(digits(40))
    assert torch.bincount(image_of_row, minlength=40).count_nonzero() > 30


@pytest.mark.parametrize("size", [1, 2, 5, 96, 150])
def test_flat_images_give_no_rows(extractor: InterestPoints, size: int) -> None:
    flat = torch.tensor([0, 90, 255], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 3, size, size)
    descriptors, image_of_row, centres = extractor(flat)
    assert descriptors.shape == (0, extractor.dimensions)
    assert image_of_row.shape == (0,)
    assert centres.shape == (0, 2)
    assert image_of_row.dtype == torch.int64


@pytest.mark.parametrize("size", [1, 2, 3, 8, 95, 97, 200])
def test_the_hardest_contrast_is_finite(extractor: InterestPoints, size: int) -> None:
    noise = 255 * torch.randint(0, 2, (3, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    descriptors, _, centres = extractor(noise)
    assert descriptors.isfinite().all()
    assert ((centres >= 0) & (centres <= 1)).all()


def test_no_images_give_no_rows(extractor: InterestPoints) -> None:
    assert [part.shape[0] for part in extractor(digits(0))] == [0, 0, 0]


def test_a_flat_image_between_others_keeps_the_numbering(extractor: InterestPoints) -> None:
    images = photos()
    _, image_of_row, _ = extractor(torch.stack([images[0], torch.zeros_like(images[0]), images[1]]))
    assert set(image_of_row.tolist()) == {0, 2}


def test_can_be_copied(extractor: InterestPoints) -> None:
    assert torch.equal(copy.deepcopy(extractor)(photos())[0], extractor(photos())[0])


def test_surf_sees_to_the_border() -> None:
    pytest.importorskip("mahotas")
    _, _, centres = SURF()(photos(96))
    assert ((centres < 0.1) | (centres > 0.9)).any(dim=1).sum() > 10  # without the mirror: none within 0.29 of it


def test_root_is_the_square_root_of_the_shares() -> None:
    pytest.importorskip("cv2")
    rooted, plain = SparseSIFT()(photos())[0], SparseSIFT(root=False)(photos())[0]
    torch.testing.assert_close(rooted.square(), plain / plain.sum(1, keepdim=True), rtol=1e-4, atol=1e-6)


def test_gray_squares_are_luma_and_at_least_96_px() -> None:
    assert gray_square(digits(1)[0]).shape == (96, 96)
    image = torch.tensor([255, 0, 0], dtype=torch.uint8).view(3, 1, 1).expand(3, 100, 100)
    assert np.array_equal(gray_square(image), np.full((100, 100), 76))  # 0.299 * 255


@pytest.mark.parametrize(
    ("builder", "module", "message"),
    [
        (SURF, "mahotas", "SURF needs mahotas, which is not installed. Run pip install '.[surf]'."),
        (
            SparseSIFT,
            "cv2",
            "SIFT at interest points needs opencv-python-headless, which is not installed. Run pip install '.[sparse]'.",
        ),
    ],
)
def test_a_missing_library_is_named_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, builder: type[InterestPoints], module: str, message: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BadModel) as error:
        builder()
    assert str(error.value) == message


def test_a_broken_library_is_not_called_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ImportError("libGL.so.1 is missing")

    monkeypatch.setattr("alexnet.models.handcrafted.keypoints.import_module", broken)
    with pytest.raises(BadModel, match=r"cannot be imported \(libGL.so.1 is missing\)\. Run pip install --force-reinstall opencv"):
        SparseSIFT()
