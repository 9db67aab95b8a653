"""From the user's words to a recipe that is known to fit, before any image is decoded."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alexnet.data.dataset import Dataset
from alexnet.data.open import open_dataset
from alexnet.errors import BadRecipe, BadRun, ImageSizeTooSmall
from alexnet.i18n.units import seconds_of
from alexnet.models.registry import ARCHITECTURES
from alexnet.recipes.named import RECIPES
from alexnet.recipes.networks import layers_of, macs_of, resized
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.resolve import TrainingRequest, recipe_of, recipe_to_resume, resolve
from alexnet.recipes.toml import to_toml


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return open_dataset("digits")


def asked(dataset: Dataset, **words: Any) -> Recipe:
    return recipe_of(TrainingRequest(data="digits", **words), dataset)[0]


@pytest.mark.parametrize("recipe", sorted(RECIPES))
@pytest.mark.parametrize("model", sorted(ARCHITECTURES))
def test_every_recipe_suits_every_model(digits: Dataset, recipe: str, model: str) -> None:
    made = asked(digits, recipe=recipe, model=model)
    assert (made.name, made.model, made.data) == (recipe, model, "digits")
    assert layers_of(made, 10)[-1].output == (10,)
    assert made.augment.flip is False, "digits are not mirrored"
    assert made.preprocess.stored_size >= made.preprocess.image_size


def test_the_default_model_and_its_reason(digits: Dataset) -> None:
    recipe, reason = recipe_of(TrainingRequest(data="digits"), digits)
    assert recipe.model == "alexnet-cifar"
    assert "8 px" in reason


def test_a_model_is_refused_with_the_arithmetic(digits: Dataset) -> None:
    with pytest.raises(ImageSizeTooSmall, match=r"32x32 pictures are too small: pool5 gets 1x1, less than .* alexnet-cifar takes 32x32"):
        asked(digits, model="alexnet", image_size=32)


def test_changes_go_over_the_recipe(digits: Dataset) -> None:
    changes = {"training.learning-rate": "0.125", "network.activation": "tanh", "augment.flip": "yes"}
    recipe = asked(digits, model="lenet", overrides=changes, seed=7)
    assert (recipe.training.learning_rate, recipe.network.activation, recipe.augment.flip, recipe.seed) == (0.125, "tanh", True, 7)


def test_a_recipe_file_keeps_all_it_says(digits: Dataset, tmp_path: Path, digits_run: Path) -> None:
    """Fine-tuning halves the rate once, and not again when the run is repeated from its file."""
    first = asked(digits, model="lenet", recipe="lecture", weights=str(digits_run), seed=5)
    assert (first.training.lower_layers, first.training.learning_rate) == (0.1, 0.45)
    (tmp_path / "recipe.toml").write_text(to_toml(first))
    again = asked(digits, recipe=str(tmp_path / "recipe.toml"))
    assert again == first
    assert asked(digits, recipe=str(tmp_path / "recipe.toml"), seed=6).seed == 6


def test_sizes_grow_together(digits: Dataset) -> None:
    recipe = asked(digits, model="alexnet", recipe="paper")
    assert (recipe.preprocess.image_size, recipe.preprocess.stored_size) == (224, 256)
    smaller = resized(recipe, 112).preprocess
    assert (smaller.image_size, smaller.stored_size) == (112, 128)
    larger = resized(recipe, 448).preprocess
    assert (larger.image_size, larger.stored_size) == (448, 512)


def resolved(dataset: Dataset, *, started: Recipe | None = None, **words: Any) -> Recipe:
    return resolve(TrainingRequest(data="digits", **words), dataset, device=torch.device("cpu"), started=started).recipe


@pytest.fixture
def slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that makes every step of a probe last for ever."""
    times = itertools.count(0.0, 1000.0)
    monkeypatch.setattr("time.perf_counter", lambda: next(times))


BUDGET = {"training.budget_seconds": 60.0, "network.width": 0.05, "training.batch_size": 2}


@pytest.mark.usefixtures("slow_machine")
def test_a_budget_decides_on_the_image_size(digits: Dataset) -> None:
    """The width that was asked for stays; without one, a slow machine gets a quarter of it and smaller batches."""
    sizes = resolved(digits, model="alexnet", recipe="paper", overrides=BUDGET).preprocess
    assert (sizes.image_size, sizes.stored_size) == (64, 73)
    wanted = {name: BUDGET[name] for name in ("training.budget_seconds",)}
    free = resolved(digits, model="alexnet", overrides=wanted | {"network.hidden_units": 8})
    assert (free.preprocess.image_size, free.network.width, free.training.batch_size) == (64, 0.25, 32)


def test_without_a_budget_and_for_small_networks_nothing_is_measured(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet.recipes.scale_budget.seconds_per_image", lambda *_: pytest.fail("a step was measured"))
    assert resolved(digits, model="alexnet").preprocess.image_size > 64
    assert resolved(digits, model="lenet", overrides={"training.budget_seconds": 60.0}).preprocess.image_size == 28


@pytest.mark.parametrize(
    ("milliseconds", "expected"),  # per image of 128 px at full width, in proportion to the multiply-accumulates
    [(0.01, (128, None, 128)), (1.5, (128, None, 32)), (6.0, (128, 0.5, 32)), (20.0, (96, 0.5, 32)), (1000.0, (64, 0.25, 32))],
)
def test_the_scale_is_the_largest_with_epochs_and_steps_enough(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch, milliseconds: float, expected: tuple[int, float | None, int]
) -> None:
    largest = macs_of(resolved(digits, model="alexnet", image_size=128), 10)

    def seconds(recipe: Recipe, images: int, classes: int, device: torch.device) -> float:
        return 1e-3 * milliseconds * macs_of(recipe, classes) / largest

    monkeypatch.setattr("alexnet.recipes.scale_budget.seconds_per_image", seconds)
    found = resolved(digits, model="alexnet", overrides={"training.budget_seconds": 100.0})
    assert (found.preprocess.image_size, found.network.width, found.training.batch_size) == expected


@pytest.mark.usefixtures("slow_machine")
@pytest.mark.parametrize(
    ("words", "size"),
    [({"image_size": 192}, 192), ({"overrides": BUDGET | {"preprocess.stored-size": "256"}}, 224)],
)
def test_a_size_that_was_asked_for_stays(digits: Dataset, words: dict[str, Any], size: int) -> None:
    assert resolved(digits, **({"model": "alexnet", "recipe": "paper", "overrides": BUDGET} | words)).preprocess.image_size == size


def test_everything_is_decided_at_once_and_stays_on_resumption(digits: Dataset) -> None:
    started = replace(resolved(digits, model="lenet"), training=replace(resolved(digits, model="lenet").training, precision="fp64"))
    assert resolved(digits, model="lenet").training.precision in {"bf16", "fp32"}
    assert resolved(digits, model="lenet", started=started) == started
    assert resolved(digits, model="lenet", started=started, overrides={"training.precision": "fp32"}).training.precision == "fp32"
    small = resized(resolved(digits, model="alexnet"), 160)
    assert resolved(digits, model="alexnet", started=small).preprocess == small.preprocess


def test_a_shared_split_keeps_its_validation_images(digits: Dataset) -> None:
    assert resolved(digits, model="hog-svm").solver.refit
    assert not resolved(digits, model="hog-svm", shares_a_split=True).solver.refit
    assert not resolved(digits, model="hog-svm", overrides={"fraction": 0.5}).solver.refit


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
        assert "; write " in str(error)  # noqa: PT017 - either way is right


def test_which_recipe_a_run_goes_on_with(digits_run: Path, tmp_path: Path) -> None:
    assert recipe_to_resume(None, None, resume=False) == "quick"
    assert recipe_to_resume("paper", tmp_path, resume=False) == "paper"
    assert recipe_to_resume(None, digits_run, resume=True) == str(digits_run / "recipe.toml")
    assert recipe_to_resume("paper", digits_run, resume=True) == "paper"
    assert recipe_to_resume(None, tmp_path, resume=True) == "quick"
    with pytest.raises(BadRun, match="--out"):
        recipe_to_resume(None, None, resume=True)
