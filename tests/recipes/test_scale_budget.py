"""The scale of networks for small images: as wide as the budget allows, and never narrower than it must be."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from alexnet.data.dataset import Dataset
from alexnet.data.open import open_dataset
from alexnet.recipes import scale_budget
from alexnet.recipes.networks import macs_of
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.resolve import TrainingRequest, recipe_of
from alexnet.recipes.scale_budget import affordable_scale
from alexnet.runtime.events import Message

CPU = torch.device("cpu")
RATE = 1e9  # multiply-accumulates of training in a second, of the machine that is made up


@pytest.fixture
def digits(digits_folder: Path) -> Dataset:
    return open_dataset(digits_folder)


@pytest.fixture(autouse=True)
def _a_machine_of_a_known_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale_budget, "seconds_per_image", lambda recipe, _images, classes, _device: macs_of(recipe, classes) / RATE)


def recipe(digits: Dataset, model: str, seconds: float) -> Recipe:
    chosen, _ = recipe_of(TrainingRequest(data=digits.name, model=model), digits)
    return replace(chosen, training=replace(chosen.training, budget_seconds=seconds))


def seconds_at(one: Recipe, digits: Dataset, *, width: float) -> float:
    """The time for 600 steps at a width."""
    narrow = replace(one, network=replace(one.network, width=width))
    return 600 * one.training.batch_size * macs_of(narrow, len(digits.classes)) / RATE


def test_a_network_for_small_images_is_as_wide_as_the_time_allows(digits: Dataset) -> None:
    one = recipe(digits, "convnet-small", 1.0)
    for width in (1.0, 0.5, 0.25):
        enough = 1.2 * seconds_at(one, digits, width=width)
        chosen = affordable_scale(replace(one, training=replace(one.training, budget_seconds=enough)), digits, CPU)
        assert (chosen.network.width or 1.0) == width
        assert chosen.preprocess == one.preprocess
    least = affordable_scale(replace(one, training=replace(one.training, budget_seconds=5.0)), digits, CPU)
    assert least.network.width == 0.125


def test_narrow_layers_that_are_slow_do_not_rule_out_wide_ones(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """On CPUs with matrix tiles an eighth of the width takes eleven times as long per multiply-accumulate."""

    def seconds(one: Recipe, _images: int, classes: int, _device: torch.device) -> float:
        return macs_of(one, classes) / RATE / (one.network.width or 1.0)

    monkeypatch.setattr(scale_budget, "seconds_per_image", seconds)
    one = recipe(digits, "convnet-small", 1.0)
    enough = 1.2 * seconds_at(one, digits, width=1.0)
    assert affordable_scale(replace(one, training=replace(one.training, budget_seconds=enough)), digits, CPU).network.width is None


def test_scales_that_are_too_large_are_not_timed(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[float] = []

    def seconds(one: Recipe, _images: int, classes: int, _device: torch.device) -> float:
        timed.append(one.network.width or 1.0)
        return macs_of(one, classes) / RATE

    monkeypatch.setattr(scale_budget, "seconds_per_image", seconds)
    affordable_scale(recipe(digits, "convnet-small", 5.0), digits, CPU)
    assert set(timed) <= {0.125, 0.25}


def test_what_the_user_has_set_stays(digits: Dataset) -> None:
    one = recipe(digits, "convnet-small", 5.0)
    chosen = affordable_scale(one, digits, CPU, ["network.width", "training.batch_size", "views"])
    assert chosen == one


def test_a_cheap_network_keeps_its_width(digits: Dataset) -> None:
    one = recipe(digits, "lenet", 5.0)
    assert affordable_scale(one, digits, CPU).network.width is None


def test_without_a_budget_nothing_changes(digits: Dataset) -> None:
    one = recipe(digits, "convnet-small", 0.0)
    told: list[object] = []
    assert affordable_scale(one, digits, CPU, listen=told.append) == one
    assert told == []


def test_the_scale_is_told(digits: Dataset) -> None:
    told: list[object] = []
    affordable_scale(recipe(digits, "convnet-small", 5.0), digits, CPU, listen=told.append)
    assert next(one.text for one in told if isinstance(one, Message)).startswith("Pictures of 32 px and 0.125 of the width: ")


def test_ten_views_are_left_out_where_testing_them_would_take_the_time(digits: Dataset) -> None:
    one = replace(recipe(digits, "convnet-small", 1.0), views="centre,ten")
    assert affordable_scale(one, digits, CPU).views == "centre"
    assert affordable_scale(one, digits, CPU, ["views"]).views == "centre,ten"
    plenty = replace(one, training=replace(one.training, budget_seconds=100_000.0))
    assert affordable_scale(plenty, digits, CPU).views == "centre,ten"


@pytest.mark.parametrize(("name", "side"), [("squeezenet1_1", 128), ("vit_b_32", 224)])
def test_a_network_of_another_library_has_smaller_images_where_its_weights_stay_as_many(digits: Dataset, name: str, side: int) -> None:
    request = TrainingRequest(data=digits.name, model=f"torchvision:{name}", weights="none", overrides={"training.budget_seconds": 5.0})
    chosen = affordable_scale(recipe_of(request, digits)[0], digits, CPU)
    assert (chosen.preprocess.image_size, chosen.network.width) == (side, None)


def test_the_time_of_an_image_is_estimated_at_the_networks_own_scale(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[Recipe] = []

    def seconds(one: Recipe, *_: object) -> float:
        timed.append(one)
        return 0.5

    monkeypatch.setattr(scale_budget, "seconds_per_image", seconds)
    for model, batch in (("convnet-small", 64), ("alexnet", 32)):
        one = recipe(digits, model, 60.0)
        assert scale_budget.estimated_seconds_per_image(one, 1_000, 10, CPU) == 0.5
        assert timed[-1] == replace(one, training=replace(one.training, batch_size=batch))
