"""From the user's words to a recipe that is known to fit, before any image is decoded."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.data.dataset import Dataset
from alexnet.data.open import open_dataset
from alexnet.errors import BadRecipe, BadRun, ImageSizeTooSmall
from alexnet.i18n.units import seconds_of
from alexnet.models.registry import ARCHITECTURES
from alexnet.recipes.named import RECIPES
from alexnet.recipes.resolve import Plan, plan, recipe_to_resume, resized
from alexnet.recipes.toml import to_toml


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return open_dataset("digits")


def planned(dataset: Dataset, **words: Any) -> Plan:
    defaults: dict[str, Any] = {"model": None, "recipe": "quick", "weights": None, "seed": None, "image_size": None, "overrides": {}}
    return plan("digits", dataset, **(defaults | words))


@pytest.mark.parametrize("recipe", sorted(RECIPES))
@pytest.mark.parametrize("model", sorted(ARCHITECTURES))
def test_every_recipe_plans_every_model(digits: Dataset, recipe: str, model: str) -> None:
    made = planned(digits, recipe=recipe, model=model)
    assert (made.recipe.name, made.recipe.model, made.recipe.data) == (recipe, model, "digits")
    assert made.layers[-1].output == (10,)
    assert made.recipe.augment.flip is False, "digits are not mirrored"
    assert made.recipe.preprocess.stored_size >= made.recipe.preprocess.image_size


def test_the_default_model_and_its_reason(digits: Dataset) -> None:
    made = planned(digits)
    assert made.recipe.model == "alexnet-cifar"
    assert "8 px" in made.model_reason


def test_a_model_is_refused_with_the_arithmetic(digits: Dataset) -> None:
    with pytest.raises(ImageSizeTooSmall, match=r"32x32 is gone before pool5: 1x1 is smaller than .* alexnet-cifar takes 32x32"):
        planned(digits, model="alexnet", image_size=32)


def test_changes_go_over_the_recipe(digits: Dataset) -> None:
    changes = {"training.learning-rate": "0.125", "network.activation": "tanh", "augment.flip": "yes"}
    recipe = planned(digits, model="lenet", overrides=changes, seed=7).recipe
    assert (recipe.training.learning_rate, recipe.network.activation, recipe.augment.flip, recipe.seed) == (0.125, "tanh", True, 7)


def test_a_recipe_file_keeps_all_it_says(digits: Dataset, tmp_path: Path, digits_run: Path) -> None:
    """Fine-tuning halves the rate once, and not again when the run is repeated from its file."""
    first = planned(digits, model="lenet", recipe="lecture", weights=str(digits_run), seed=5).recipe
    assert (first.training.lower_layers, first.training.learning_rate) == (0.1, 0.45)
    (tmp_path / "recipe.toml").write_text(to_toml(first))
    again = planned(digits, recipe=str(tmp_path / "recipe.toml"))
    assert again.recipe == first
    assert planned(digits, recipe=str(tmp_path / "recipe.toml"), seed=6).recipe.seed == 6


def test_sizes_grow_together(digits: Dataset) -> None:
    recipe = planned(digits, model="alexnet", recipe="paper").recipe
    assert (recipe.preprocess.image_size, recipe.preprocess.stored_size) == (224, 256)
    smaller = resized(recipe, 112).preprocess
    assert (smaller.image_size, smaller.stored_size) == (112, 128)
    larger = resized(recipe, 448).preprocess
    assert (larger.image_size, larger.stored_size) == (448, 512)


def test_a_size_that_was_asked_for_is_known(digits: Dataset) -> None:
    assert not planned(digits, model="lenet").size_was_asked
    assert planned(digits, model="lenet", image_size=32).size_was_asked
    assert planned(digits, model="lenet", overrides={"preprocess.stored-size": "32"}).size_was_asked


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1h30m", 5400), ("1.5 m", 90), ("0.5s", 0.5), ("1h 2m 3s", 3723)]
)
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@given(st.text(max_size=12))
def test_durations_are_read_or_refused(text: str) -> None:
    try:
        assert seconds_of(text) > 0
    except BadRecipe as error:
        assert "90s" in str(error)  # noqa: PT017 - either way is right


def test_which_recipe_a_run_goes_on_with(digits_run: Path, tmp_path: Path) -> None:
    assert recipe_to_resume(None, None, resume=False) == "quick"
    assert recipe_to_resume("paper", tmp_path, resume=False) == "paper"
    assert recipe_to_resume(None, digits_run, resume=True) == str(digits_run / "recipe.toml")
    assert recipe_to_resume("paper", digits_run, resume=True) == "paper"
    assert recipe_to_resume(None, tmp_path, resume=True) == "quick"
    with pytest.raises(BadRun, match="--out"):
        recipe_to_resume(None, None, resume=True)
