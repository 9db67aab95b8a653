"""The parts of a hand-crafted system's score: against sums, and against scores that are computed again without a part."""

from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_sample_images
from torch import Tensor

from alexnet.errors import BadModel
from alexnet.explanations.page import explanation_page
from alexnet.explanations.part import MadePart
from alexnet.explanations.parts.cells import Decomposition, Losses, parts_of_score
from alexnet.explanations.place_names import place_in_words
from alexnet.explanations.places import POINT, places_of
from alexnet.explanations.record import Explained
from alexnet.i18n.phrases import PageWords
from alexnet.i18n.translate import Lang
from alexnet.inference.classifier import load
from alexnet.models.handcrafted.hog import HOG
from alexnet.models.handcrafted.kernel_maps import Chi2Map
from alexnet.models.handcrafted.model import HandcraftedModel
from alexnet.models.handcrafted.svm import KernelMachine, LinearMachine
from alexnet.models.handcrafted.systems import FeatureConfig
from alexnet.runs.train import train

CLASSES, SIDE, WORDS = 4, 96, 12


def noise(count: int, size: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (count, 3, size, size), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def photo(top: int = 100, left: int = 200) -> Tensor:
    """A part of scikit-learn's photo of a flower, uint8 (3, SIDE, SIDE)."""
    pixels = torch.from_numpy(load_sample_images().images[1].copy()).permute(2, 0, 1)
    return pixels[:, top : top + SIDE, left : left + SIDE].contiguous()


SYSTEMS = {
    "raw-svm": {},
    "hog-svm": {"solver.kernel": "linear"},
    "fisher-svm": {"features.gaussians": "4", "features.components": "8", "features.bins": "4,6"},
    "sift-bow-svm": {"features.words": "20", "features.bins": "4"},
}


@pytest.mark.parametrize("name", [name if name == "hog-svm" else pytest.param(name, marks=pytest.mark.slow) for name in sorted(SYSTEMS)])
def test_the_parts_of_a_linear_machine_sum_to_its_score(name: str, digits_folder: Path, tmp_path: Path) -> None:
    train(digits_folder, model=name, out=tmp_path / "run", image_size=32, overrides=SYSTEMS[name])
    model = load(tmp_path / "run", device="cpu").model
    assert isinstance(model, HandcraftedModel)
    split = Decomposition(model, noise(1, 32)[0])
    scores = model(noise(1, 32))[0]
    assert split.class_index == int(scores.argmax())
    assert split.score == pytest.approx(float(scores.max()), abs=1e-4)
    assert float(split.contributions.sum()) + split.bias == pytest.approx(split.score, abs=1e-4)
    assert float(split.map().double().sum()) + split.bias == pytest.approx(split.score, abs=1e-3)


def kernel_machine(vectors: Tensor, kernel: str, gamma: float) -> KernelMachine:
    """One against one on these support vectors, with random coefficients."""
    random = torch.Generator().manual_seed(2)
    pairs = CLASSES * (CLASSES - 1) // 2
    coefficients, intercepts = (torch.randn(*shape, generator=random) for shape in ((len(vectors), pairs), (pairs,)))
    machine = KernelMachine(
        vectors, coefficients, intercepts, torch.arange(CLASSES), torch.tensor(1.0), kernel=kernel, gamma=gamma, classes=CLASSES
    )
    machine.sharpness = 1.0
    return machine


def with_machine(features: FeatureConfig, kernel: str, dictionaries: tuple[dict[str, Tensor], ...] = ()) -> HandcraftedModel:
    """A system with a machine that has the features of six parts of a photo as its support vectors."""
    plain = LinearMachine(torch.zeros(1, CLASSES), torch.zeros(CLASSES))
    described = HandcraftedModel(features, dictionaries, plain, image_size=SIDE, classes=CLASSES)
    vectors = described.hidden(torch.stack([photo(top, left) for top in (0, 100, 250) for left in (0, 300)]))
    described.machine = kernel_machine(vectors, kernel, 1 / float(vectors.var(0).sum()))
    return described


def hog(cell: int = 12) -> HandcraftedModel:
    return with_machine(FeatureConfig(descriptor="hog", cell=cell), "rbf")


def without_cell(model: HandcraftedModel, features: Tensor, row: int, column: int) -> Tensor:
    """HOG's features without one cell, by the order that its documentation gives: blocks, cells of a block, orientations."""
    blocks = model.features.blocks
    assert isinstance(blocks, int)
    found = features.clone().view(blocks, blocks, 2, 2, 9)
    for block_row in range(blocks):
        for block_column in range(blocks):
            if 0 <= row - block_row < 2 and 0 <= column - block_column < 2:
                found[block_row, block_column, row - block_row, column - block_column] = 0
    return found.view(1, -1)


def test_what_a_machine_with_a_kernel_loses_is_the_score_computed_again() -> None:
    model, seen = hog(), photo()
    found = parts_of_score(model, seen)
    assert isinstance(found, Losses)
    features = model.hidden(seen[None])
    scores = model(seen[None])[0]
    assert found.class_index == int(scores.argmax())
    assert found.score == pytest.approx(float(scores.max()), abs=1e-6)
    for number in (0, 9, 27, 63):
        row, column = divmod(number, 8)
        rest = float(model.scores_of(without_cell(model, features, row, column))[0, found.class_index])
        assert float(found.losses[number]) == pytest.approx(found.score - rest, abs=1e-5)
        assert found.places.places[number].name == f"{row + 1}/{column + 1}"
    assert float(found.losses.abs().max()) > 1e-3
    assert float(found.map().double().sum()) == pytest.approx(found.sum, abs=1e-4)
    assert found.strongest()[0]["adds"] == pytest.approx(float(found.losses[found.losses.abs().argmax()]))


def test_nothing_is_lost_where_nothing_is() -> None:
    """A photo in one corner of a plain image: cells beyond it, and the blocks around, have no gradients to lose."""
    seen = torch.full((3, SIDE, SIDE), 128, dtype=torch.uint8)
    seen[:, :30, :30] = photo()[:, :30, :30]
    found = Losses(hog(), seen)
    assert float(found.map()[:30, :30].abs().max()) > 0
    assert float(found.map()[36:, :].abs().max()) == 0
    assert float(found.map()[:, 36:].abs().max()) == 0


def test_small_cells_are_grouped() -> None:
    """48 x 48 cells of 2 px: 16 x 16 places, each with the numbers of its 9 cells."""
    places = places_of(HOG(SIDE, cell=2), photo())
    assert places is not None
    assert len(places.places) == 256
    ones = torch.ones(HOG(SIDE, cell=2).dimensions)
    assert places.totals(ones)[17].item() == 9 * 4 * 9  # cells, blocks that each is in, orientations
    assert float(places.totals(ones).sum()) == len(ones)
    assert places.spread([1.0] * 256, SIDE).unique().tolist() == pytest.approx([1 / 36])


def words(detector: str) -> HandcraftedModel:
    """A bag of 12 random words at interest points."""
    length = 64 if detector == "surf" else 128
    vocabulary = torch.rand(WORDS, length, generator=torch.Generator().manual_seed(0)) / length**0.5
    config = FeatureConfig(descriptor=detector, encoding="words", words=WORDS, cells="1x1,2x2")  # type: ignore[arg-type]
    return with_machine(config, "chi2", ({"vocabulary": vocabulary},))


LIBRARIES = [("surf", "mahotas"), ("sparse-sift", "cv2")]


@pytest.mark.parametrize(("detector", "library"), LIBRARIES)
def test_the_words_of_interest_points_lie_where_the_points_are(detector: str, library: str) -> None:
    pytest.importorskip(library)
    model, seen = words(detector), photo()
    random = torch.Generator().manual_seed(3)
    weights = torch.randn(3 * 5 * WORDS, CLASSES, generator=random)
    model.machine = LinearMachine(weights, torch.randn(CLASSES, generator=random), Chi2Map())
    split = parts_of_score(model, seen)
    assert isinstance(split, Decomposition)
    assert split.sum == pytest.approx(split.score, abs=1e-4)
    assert float(split.map().double().sum()) + split.bias == pytest.approx(split.score, abs=1e-3)
    _, _, centres = model.features.detector(seen[None])  # type: ignore[operator]
    assert len(centres) > 3
    middles = torch.stack(torch.meshgrid(*[torch.arange(SIDE) + 0.5] * 2, indexing="xy"), -1).view(-1, 2)  # x, y
    far = torch.cdist(middles, centres * SIDE).amin(1) > POINT * SIDE + 1
    assert far.any()
    assert float(split.map().flatten()[far].abs().max()) == 0
    strongest = split.strongest()[0]
    assert 0 <= strongest["word"] < WORDS
    assert 1 <= strongest["points"] <= len(centres)
    of_whole = [place for place in split.places.places if place.name == "1x1 1"]  # type: ignore[union-attr]
    assert sum(place.points or 0 for place in of_whole) == len(centres)


@pytest.mark.parametrize(("detector", "library"), LIBRARIES)
def test_a_kernel_on_words_loses_one_word_at_a_time(detector: str, library: str) -> None:
    pytest.importorskip(library)
    model, seen = words(detector), photo()
    found = Losses(model, seen)
    features = model.hidden(seen[None])
    for place, loss in zip(found.places.places, found.losses.tolist(), strict=True):
        level, cell = place.name.split()
        assert place.word is not None
        first = 0 if level == "1x1" else WORDS * int(cell)
        rest = features.clone()
        assert float(rest[0, first + place.word]) > 0
        rest[0, first + place.word] = 0
        assert loss == pytest.approx(found.score - float(model.scores_of(rest)[0, found.class_index]), abs=1e-5)


def test_an_image_without_interest_points() -> None:
    pytest.importorskip("mahotas")
    found = Losses(words("surf"), torch.full((3, SIDE, SIDE), 200, dtype=torch.uint8))
    assert found.sum == 0
    assert found.strongest() == []
    assert float(found.map().abs().max()) == 0


def test_a_kernel_on_pixels_has_no_parts() -> None:
    model = with_machine(FeatureConfig(descriptor="pixels"), "rbf")
    with pytest.raises(BadModel, match="the occlusion map shows its reasons"):
        parts_of_score(model, photo())
    with pytest.raises(BadModel, match="a kernel is no sum"):
        Decomposition(hog(), photo())


def row(kind: str, parts: list[dict[str, object]]) -> dict[str, object]:
    image = "data:image/png;base64,"
    bias = 0.25 if kind == "sum" else None
    return {
        "kind": kind,
        "name": "a.jpg",
        "class": "cat",
        "image": image,
        "map": image,
        "score": 2.5,
        "bias": bias,
        "sum": 2.25,
        "parts": parts,
    }


def page_of(rows: list[dict[str, object]], lang: Lang) -> str:
    values = {"images": rows, "files": ["cells-1.png"]}
    return explanation_page(Explained(run="run", model="hog-svm", dataset="cats", parts=(MadePart(name="cells", values=values),)), lang)


CELL: dict[str, object] = {"part": "3/4", "word": None, "points": None, "adds": 0.5}
WORD: dict[str, object] = {"part": "1x1 1", "word": 7, "points": 3, "adds": -0.25}


def test_the_page_says_whether_it_is_a_split() -> None:
    losses, split = page_of([row("losses", [CELL])], "en"), page_of([row("sum", [CELL, WORD, {**WORD, "part": "2x2 3"}])], "en")
    assert "each part is left out in turn" in losses
    assert "the losses sum to 2.2500" in losses
    assert "score is a sum" not in losses
    assert "the parts sum to 2.2500 with a bias of 0.2500" in split
    assert "left out" not in split
    for said in ("row 3, column 4", "visual word 7, points: 3", "visual word 7, row 2, column 1 of 2 × 2, points: 3", "-0.2500"):
        assert said in split


def test_the_page_in_chinese() -> None:
    losses = page_of([row("losses", [WORD, {**WORD, "part": "2x2 3"}])], "zh")
    for said in ("每次去掉一个部分", "各项下降之和为 2.2500", "3 个特征点", "视觉单词 7", "2 × 2 中的第 2 行第 1 列", "得分下降"):
        assert said in losses
    assert "loses" not in losses


def test_a_record_of_an_earlier_version_has_sums_only() -> None:
    earlier = {key: value for key, value in row("sum", [{"part": "SIFT 2x2 1", "adds": 0.5}]).items() if key != "kind"}
    page = page_of([earlier], "en")
    assert "score is a sum" in page
    assert "gradients (SIFT), row 1, column 1 of 2 × 2" in page


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("12/1", "row 12, column 1"),
        ("1x3 3", "row 3, column 1 of 3 × 1"),
        ("colour 1x1 1", "colours, the whole picture"),
        ("of a later version", "of a later version"),
        ("SIFT 0x0 1", "SIFT 0x0 1"),
    ],
)
def test_where_a_part_is(name: str, said: str) -> None:
    assert place_in_words(name, PageWords("en")) == said
