"""The table of systems, and what a FeatureConfig refuses."""

from dataclasses import replace
from typing import Any

import pytest

from alexnet.errors import BadRecipe
from alexnet.models.handcrafted.systems import SYSTEMS, FeatureConfig


def test_the_table() -> None:
    rows = {name: (row.features.descriptor, row.features.encoding, row.kernel) for name, row in SYSTEMS.items()}
    assert rows == {
        "fisher-svm": ("sift", "fisher", "linear"),
        "sift-bow-svm": ("sift", "words", "chi2"),
        "surf-bow-svm": ("surf", "words", "chi2"),
        "hog-svm": ("hog", "none", "rbf"),
        "raw-svm": ("pixels", "none", "linear"),
        "efficientnet-lite0+svm": ("efficientnet-lite0", "none", "linear"),
    }
    assert all(row.name == name and row.title and row.source for name, row in SYSTEMS.items())


@pytest.mark.parametrize(("bins", "sizes"), [("4", (4,)), ("4,6,8", (4, 6, 8)), (" 3 , 12 ", (3, 12)), ("1000", (1000,))])
def test_bins(bins: str, sizes: tuple[int, ...]) -> None:
    assert FeatureConfig(bins=bins).bin_sizes == sizes


@pytest.mark.parametrize(("cells", "levels"), [("1x1", ((1, 1),)), ("1x1,2x2, 1x3", ((1, 1), (2, 2), (1, 3))), ("16x16", ((16, 16),))])
def test_cells(cells: str, levels: tuple[tuple[int, int], ...]) -> None:
    assert FeatureConfig(cells=cells).pyramid == levels


@pytest.mark.parametrize("bins", ["", "0", "-4", "4.5", "4,,6", "4;6", "1001", "four"])
def test_bins_that_are_none(bins: str) -> None:
    with pytest.raises(BadRecipe) as caught:
        FeatureConfig(bins=bins)
    assert str(caught.value) == f"features.bins is '{bins}'; use one number of pixels per scale, from 1 to 1,000, as in \"4,6,8\"."


@pytest.mark.parametrize("cells", ["", "1", "1x", "0x1", "1x17", "1x1,", "2*2", "1x1x1", "1x1;2x2"])
def test_cells_that_are_none(cells: str) -> None:
    with pytest.raises(BadRecipe) as caught:
        FeatureConfig(cells=cells)
    assert str(caught.value) == f"features.cells is '{cells}'; use levels of columns x rows, from 1 to 16, as in \"1x1,2x2\"."


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"descriptor": "orb"},
            "features.descriptor is 'orb'; it can be 'pixels', 'hog', 'sift', 'sparse-sift', 'surf', 'efficientnet-lite0'.",
        ),
        ({"encoding": "vlad"}, "features.encoding is 'vlad'; it can be 'none', 'words', 'fisher'."),
        ({"step": 0}, "features.step is 0; it must be at least 1."),
        ({"words": -5}, "features.words is -5; it must be at least 1."),
        ({"smoothing": -1.0}, "features.smoothing is -1; it must be a standard deviation in pixels, from 0 to below 100."),
        ({"smoothing": float("nan")}, "features.smoothing is nan; it must be a standard deviation in pixels, from 0 to below 100."),
    ],
)
def test_values_that_mean_nothing(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRecipe) as caught:
        replace(FeatureConfig(), **changes)
    assert str(caught.value) == message
