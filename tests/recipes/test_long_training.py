"""Long trainings on many small images are regularised more; short ones, other recipes and what the user has set stay as they are."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from alexnet.data.dataset import Dataset
from alexnet.data.open import open_dataset
from alexnet.recipes import scale_budget
from alexnet.recipes.long_training import LONG, adapted_to_length
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.resolve import TrainingRequest, recipe_of, resolve, value_of

CPU = torch.device("cpu")
MANY = 45_000  # images


@pytest.fixture
def digits(digits_folder: Path) -> Dataset:
    return open_dataset(digits_folder)


def quick(digits: Dataset, model: str = "convnet-small", recipe: str = "quick") -> Recipe:
    return recipe_of(TrainingRequest(data=digits.name, model=model, recipe=recipe), digits)[0]


def regularisation(recipe: Recipe) -> tuple[int, float, float]:
    return recipe.augment.cutout, recipe.training.muon_learning_rate, recipe.training.muon_weight_decay


def test_from_24_epochs_of_many_images_the_network_is_regularised_more(digits: Dataset) -> None:
    recipe = quick(digits)
    assert regularisation(adapted_to_length(recipe, 24.0, MANY)) == (8, 0.01, 1.0)
    assert adapted_to_length(recipe, 23.9, MANY) == recipe
    assert adapted_to_length(recipe, 100.0, 29_999) == recipe


def test_only_the_quick_recipe_at_full_width_for_small_images_is(digits: Dataset) -> None:
    recipe = quick(digits)
    narrow = replace(recipe, network=replace(recipe.network, width=0.5))
    large = replace(recipe, preprocess=replace(recipe.preprocess, image_size=64, stored_size=73))
    for one in (narrow, large, quick(digits, recipe="paper"), quick(digits, model="lenet")):
        assert adapted_to_length(one, 100.0, MANY) == one


def test_what_the_user_has_set_stays(digits: Dataset) -> None:
    recipe = quick(digits)
    assert regularisation(adapted_to_length(recipe, 30.0, MANY, ["augment.cutout"])) == (0, 0.01, 1.0)
    assert adapted_to_length(recipe, 30.0, MANY, list(LONG["convnet-small"].fields)) == recipe


@pytest.mark.parametrize(("lengths", "is_long"), [({"epochs": 30.0}, True), ({"epochs": 20.0}, False), ({"budget_seconds": 9e4}, True)])
def test_a_run_is_adapted_whether_its_epochs_are_given_or_planned(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch, lengths: dict[str, float], is_long: bool
) -> None:
    few = replace(LONG["convnet-small"], images=100)
    monkeypatch.setattr("alexnet.recipes.long_training.LONG", {"convnet-small": few})
    monkeypatch.setattr(scale_budget, "seconds_per_image", lambda *_: 1e-3)
    overrides = {f"training.{name}": value for name, value in lengths.items()}
    request = TrainingRequest(data=digits.name, model="convnet-small", overrides=overrides)
    resolved = resolve(request, digits, device=CPU)
    assert (resolved.recipe.augment.cutout == 8) == is_long
    again = resolve(replace(request, overrides={"training.epochs": 2.0}), digits, device=CPU, started=resolved.recipe)
    assert [value_of(again.recipe, name) for name in few.fields] == [value_of(resolved.recipe, name) for name in few.fields]
