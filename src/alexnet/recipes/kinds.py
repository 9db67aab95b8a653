"""The rules for recipes by kind of model: every kind implements one protocol."""

from collections.abc import Iterable
from typing import Protocol

from alexnet.data.dataset import Dataset
from alexnet.errors import BadRecipe
from alexnet.models.kinds import kind_of
from alexnet.recipes.handcrafted import HandcraftedRecipes
from alexnet.recipes.networks import NetworkRecipes
from alexnet.recipes.recipe import Recipe, foreign_sections
from alexnet.runtime.distributed import Workers

ARGUMENTS = {"name": "--recipe", "data": "the argument DATA", "model": "--model"}  # fields that decide others


class RecipeKind(Protocol):
    """The rules of one kind of model."""

    def named(self, recipe: str, model: str, data: str, dataset: Dataset) -> Recipe:
        """The named recipe of a model for these images; raises BadRecipe or BadModel with the nearest name."""
        ...

    def check(self, recipe: Recipe, dataset: Dataset) -> None:
        """Raise AlexNetError, before any image is read, if the model cannot handle these images."""
        ...

    def adapted_to_workers(self, recipe: Recipe, layout: str, classes: int, world: Workers, *, rates_are_given: bool) -> Recipe:
        """The recipe adapted to that layout over several workers; raises AlexNetError if they cannot train it."""
        ...


def rules_of(model: str) -> RecipeKind:
    """The rules for the kind of a model."""
    return HandcraftedRecipes() if kind_of(model).fixed_features else NetworkRecipes()


def check_fields(model: str, overrides: Iterable[str]) -> None:
    """Raise BadRecipe for a field that only the other kind of model has."""
    kind, foreign = kind_of(model), foreign_sections(model)
    for name in (name.replace("-", "_") for name in overrides):
        if name in ARGUMENTS:
            raise BadRecipe(f"{name} cannot be set as a field of a recipe; use {ARGUMENTS[name]}.")
        if name.split(".")[0] in foreign and name != "training.budget_seconds":
            own = ", ".join(f"{section}." for section in kind.sections if section != "weights")
            raise BadRecipe(f"{model} is {kind.title} and has no {name}. Its fields begin with {own}.")
