"""Every row of the table as a module, on photos; configurations and dictionaries that do not go together."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from sklearn.datasets import load_sample_images
from tests.models.weights.published_lite import random_weights
from torch import Tensor

from alexnet.errors import BadModel, ImageSizeTooSmall
from alexnet.models.handcrafted.features import Dictionary, build_features, descriptions_of, detector_of, dictionaries_needed
from alexnet.models.handcrafted.sift import DenseSIFT
from alexnet.models.handcrafted.systems import SYSTEMS, FeatureConfig
from alexnet.models.weights.efficientnet_lite import our_name
from alexnet.training.dictionaries import fit_dictionary

SIZE = 56
LIBRARIES = {"surf": "mahotas", "sparse-sift": "cv2"}
TINY: dict[str, Any] = {"components": 6, "gaussians": 3, "words": 8, "bins": "3,5"}
COLOURED = replace(SYSTEMS["fisher-svm"].features, **TINY, colour=True)
CONFIGS = {name: replace(row.features, **TINY) for name, row in SYSTEMS.items()} | {
    "fisher-svm in colour": COLOURED,
    "bag of words in colour": replace(COLOURED, encoding="words"),
    "sparse-sift": FeatureConfig(descriptor="sparse-sift", encoding="words", words=8, cells="1x1,2x1"),
}
DIMENSIONS = {
    "fisher-svm": 5 * 2 * 3 * 6,
    "sift-bow-svm": 5 * 8,
    "surf-bow-svm": 8,
    "hog-svm": 6 * 6 * 2 * 2 * 9,
    "raw-svm": 3 * 56 * 56,
    "efficientnet-lite0+svm": 1_280,
    "fisher-svm in colour": 2 * 5 * 2 * 3 * 6,
    "bag of words in colour": 2 * 5 * 8,
    "sparse-sift": 3 * 8,
}
FISHER = CONFIGS["fisher-svm"]


def photos() -> Tensor:
    """(4, 3, 56, 56): two places of each of scikit-learn's two photos."""
    whole = [torch.from_numpy(photo.copy()).permute(2, 0, 1) for photo in load_sample_images().images]
    return torch.stack([photo[:, top : top + SIZE, 3 * top : 3 * top + SIZE] for photo in whole for top in (20, 100)])


def fitted(config: FeatureConfig) -> list[Dictionary]:
    """Dictionaries for a configuration, of the photos themselves."""
    if not dictionaries_needed(config):
        return []
    if config.is_pretrained:
        return [{our_name(name): tensor for name, tensor in random_weights().items() if not name.startswith("_fc")}]
    if config.descriptor != "sift":
        return [fit_dictionary(detector_of(config)(photos())[0].numpy(), config, 0)]
    return [fit_dictionary(one(photos()).flatten(0, 1).numpy(), config, 0) for one in descriptions_of(config, SIZE)]


@pytest.mark.parametrize("name", CONFIGS)
def test_every_row_builds_and_describes_photos(name: str) -> None:
    config = CONFIGS[name]
    if config.descriptor in LIBRARIES:
        pytest.importorskip(LIBRARIES[config.descriptor])
    dictionaries = fitted(config)
    assert len(dictionaries) == dictionaries_needed(config)
    features = build_features(config, SIZE, dictionaries).eval()
    vectors = features(photos())
    assert vectors.dtype == torch.float32
    assert vectors.shape == (4, DIMENSIONS[name])
    assert features.dimensions == DIMENSIONS[name]
    assert vectors.isfinite().all()
    assert vectors.std(0).max() > 0  # different images, different vectors
    torch.testing.assert_close(torch.cat([features(one[None]) for one in photos()]), vectors, rtol=0, atol=3e-3)
    torch.testing.assert_close(copy.deepcopy(features)(photos()), vectors, rtol=0, atol=0)
    double = features.double()(photos())
    torch.testing.assert_close(double * double.abs(), (vectors * vectors.abs()).double(), rtol=0, atol=1e-2)  # roots are steep at 0


@pytest.mark.parametrize("name", CONFIGS)
def test_flat_images_have_finite_vectors(name: str) -> None:
    config = CONFIGS[name]
    if config.descriptor in LIBRARIES:
        pytest.importorskip(LIBRARIES[config.descriptor])
    flat = torch.tensor([0, 128, 255], dtype=torch.uint8).view(3, 1, 1, 1).expand(-1, 3, SIZE, SIZE)
    assert build_features(config, SIZE, fitted(config))(flat).isfinite().all()


def test_scales_stand_one_after_the_other_and_the_root_is_for_gaussians() -> None:
    config = replace(FISHER, smoothing=0.8)
    (sift,) = descriptions_of(config, SIZE)
    parts = [DenseSIFT(SIZE, bin_size=size, step=4, smoothing=0.8) for size in (3, 5)]
    torch.testing.assert_close(sift(photos()), torch.cat([part(photos()) for part in parts], dim=1))
    torch.testing.assert_close(sift.centres, torch.cat([part.centres for part in parts]))
    (plain,) = descriptions_of(replace(config, encoding="words"), SIZE)
    parts = [DenseSIFT(SIZE, bin_size=size, step=4, smoothing=0.8, root=False) for size in (3, 5)]
    torch.testing.assert_close(plain(photos()), torch.cat([part(photos()) for part in parts], dim=1))


def test_colours_are_a_second_half_of_the_same_weight() -> None:
    gray, coloured = fitted(FISHER), fitted(COLOURED)
    whole = build_features(COLOURED, SIZE, coloured)(photos())
    first, second = whole.chunk(2, dim=1)
    torch.testing.assert_close(first, build_features(FISHER, SIZE, gray)(photos()), rtol=0, atol=3e-3)
    torch.testing.assert_close(first.norm(dim=1), second.norm(dim=1))


@pytest.mark.parametrize("config", [COLOURED, CONFIGS["sift-bow-svm"]], ids=["fisher", "words"])
def test_with_its_mirror_image_described_a_image_and_its_mirror_image_are_one(config: FeatureConfig) -> None:
    both, dictionaries = replace(config, mirror=True), fitted(config)
    features = build_features(both, SIZE, dictionaries).double()
    vectors = features(photos())
    assert vectors.shape == (4, build_features(config, SIZE, dictionaries).dimensions)
    torch.testing.assert_close(features(photos().flip(-1)), vectors, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            FeatureConfig(descriptor="hog", encoding="fisher"),
            "features.descriptor 'hog' describes whole pictures and takes no encoding; set features.encoding none.",
        ),
        (
            FeatureConfig(descriptor="pixels", encoding="words"),
            "features.descriptor 'pixels' describes whole pictures and takes no encoding; set features.encoding none.",
        ),
        (FeatureConfig(), "features.descriptor 'sift' computes many vectors per picture; set features.encoding words or fisher."),
        (FeatureConfig(descriptor="surf"), "features.descriptor 'surf' computes many vectors per picture; set features.encoding words."),
        (
            FeatureConfig(descriptor="surf", encoding="fisher"),
            "features.descriptor 'surf' can be encoded as words only; set features.encoding words.",
        ),
    ],
)
def test_combinations_that_mean_nothing(config: FeatureConfig, message: str) -> None:
    with pytest.raises(BadModel) as caught:
        build_features(config, SIZE, [])
    assert str(caught.value) == message


@pytest.mark.parametrize(("config", "dictionaries", "needed"), [(FISHER, [], 1), (COLOURED, [{}], 2), (FISHER, [{}, {}], 1)])
def test_too_few_or_too_many_dictionaries(config: FeatureConfig, dictionaries: Sequence[Dictionary], needed: int) -> None:
    with pytest.raises(BadModel, match=f"These features need {needed} dictionaries, but the model has {len(dictionaries)}"):
        build_features(config, SIZE, dictionaries)


@pytest.mark.parametrize(
    ("name", "shape", "needed"),
    [
        ("projection", (127, 6), r"\(128, 6\)"),
        ("projection", (128, 5), r"\(128, 6\)"),
        ("means", (3, 5), r"\(3, 6\)"),
        ("variances", (6, 3), r"\(3, 6\)"),
        ("weights", (3, 1), r"\(3,\)"),
        ("offset", (6, 1), r"\(6,\)"),
    ],
)
def test_a_mixture_of_another_shape_is_refused(name: str, shape: tuple[int, ...], needed: str) -> None:
    (dictionary,) = fitted(FISHER)
    with pytest.raises(BadModel, match=rf"^{name} has shape .*; these features need {needed}\.$"):
        build_features(FISHER, SIZE, [{**dictionary, name: torch.ones(shape)}])


@pytest.mark.parametrize("name", ["offset", "weights"])
def test_a_mixture_with_a_single_number_for_a_row_is_refused(name: str) -> None:
    (dictionary,) = fitted(FISHER)
    with pytest.raises(BadModel, match="these features need"):
        build_features(FISHER, SIZE, [{**dictionary, name: torch.tensor(1.0)}])


@pytest.mark.parametrize("shape", [(8, 64), (8,), ()])
def test_a_vocabulary_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadModel, match=r"vocabulary has shape .*; these features need"):
        build_features(CONFIGS["sift-bow-svm"], SIZE, [{"vocabulary": torch.ones(shape)}])


def test_what_is_missing_in_a_dictionary_is_named() -> None:
    with pytest.raises(BadModel, match="A bag of words needs a vocabulary, but the model has none"):
        build_features(CONFIGS["sift-bow-svm"], SIZE, [{"means": torch.ones(8, 128)}])
    with pytest.raises(BadModel, match="A Fisher vector needs projection, offset, weights, means, variances; the model has means, weights"):
        build_features(FISHER, SIZE, [{"weights": torch.ones(3), "means": torch.ones(3, 6)}])
    with pytest.raises(BadModel, match="has none of them"):
        build_features(FISHER, SIZE, [{}])


def test_a_image_too_small_for_a_scale_is_refused_with_the_arithmetic() -> None:
    with pytest.raises(ImageSizeTooSmall) as caught:
        descriptions_of(replace(FISHER, bins="4,6,8"), 28)
    assert str(caught.value) == (
        "A descriptor of 4x4 bins of 8 px is 32 px wide, but the picture 28 px: "
        "use --features.bins of at most 7, or an --image-size of at least 32."
    )
