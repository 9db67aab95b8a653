"""What a recipe may hold and what it needs, by kind of model; a kind is an object that obeys one protocol."""

from collections.abc import Iterable
from typing import Protocol

from alexnet.data.dataset import Dataset
from alexnet.errors import BadRecipe
from alexnet.models.kinds import HANDCRAFTED, kind_of
from alexnet.recipes.handcrafted import HandcraftedRecipes
from alexnet.recipes.networks import NetworkRecipes
from alexnet.recipes.recipe import Recipe, foreign_sections
from alexnet.runtime.distributed import Workers


class RecipeKind(Protocol):
    """The rules of one kind of model."""

    def named(self, recipe: str, model: str, data: str, dataset: Dataset) -> Recipe:
        """The named recipe of a model for these images; raises BadRecipe and BadModel with the nearest names."""
        ...

    def check(self, recipe: Recipe, dataset: Dataset) -> None:
        """Raise AlexNetError for what the model cannot do with these images, before any is read."""
        ...

    def adapted_to_workers(self, recipe: Recipe, layout: str, classes: int, world: Workers, *, rates_are_given: bool) -> Recipe:
        """The recipe in that layout over several workers; raises AlexNetError where it cannot be trained so."""
        ...


def rules_of(model: str) -> RecipeKind:
    """The rules of a model's kind."""
    return HandcraftedRecipes() if kind_of(model) is HANDCRAFTED else NetworkRecipes()


def check_fields(model: str, overrides: Iterable[str]) -> None:
    """Raise BadRecipe for a field that belongs to models of the other kind."""
    kind, foreign = kind_of(model), foreign_sections(model)
    for name in (name.replace("-", "_") for name in overrides):
        if name.split(".")[0] in foreign and name != "training.budget_seconds":
            own = ", ".join(f"{section}." for section in kind.sections if section != "weights")
            raise BadRecipe(f"{model} is {kind.title} and has no {name}; its fields begin with {own}.")
