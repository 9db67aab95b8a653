"""The rules for recipes by kind of model: every kind implements one protocol."""

from collections.abc import Iterable
from typing import Protocol, get_args

from alexnet.data.balance import Balance
from alexnet.data.dataset import Dataset
from alexnet.errors import BadRecipe
from alexnet.models.kinds import NETWORK, kind_of
from alexnet.recipes.handcrafted import HandcraftedRecipes
from alexnet.recipes.networks import NetworkRecipes
from alexnet.recipes.recipe import Recipe, foreign_sections
from alexnet.runtime.distributed import Workers
from alexnet.storage.records import shown

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


def balance_of(model: str, balance: str) -> dict[str, str]:
    """The field of a recipe that balances classes of different size; raises BadRecipe for a word that this kind of model cannot follow."""
    if balance not in get_args(Balance):
        raise BadRecipe(f"balance is {shown(balance)}; it can be {', '.join(map(repr, get_args(Balance)))}.")
    if balance == "sampling" and kind_of(model) is not NETWORK:
        raise BadRecipe(
            f"balance is 'sampling', but {model} ends in an SVM, which is fitted to all training pictures at once and draws none. Use "
            "--balance loss: every class then weighs the same."
        )
    return {"solver.balance" if kind_of(model).fixed_features else "training.balance": balance}


def check_fields(model: str, overrides: Iterable[str]) -> None:
    """Raise BadRecipe for a field that only the other kind of model has."""
    kind, foreign = kind_of(model), foreign_sections(model)
    for name in (name.replace("-", "_") for name in overrides):
        if name in ARGUMENTS:
            raise BadRecipe(f"{name} cannot be set as a field of a recipe; use {ARGUMENTS[name]}.")
        if name.split(".")[0] in foreign and name != "training.budget_seconds":
            own = ", ".join(f"{section}." for section in kind.sections if section != "weights")
            raise BadRecipe(f"{model} is {kind.title} and has no {name}. Its fields begin with {own}.")
