"""Every setting of the run, as TOML."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alexnet.i18n.places import without_home
from alexnet.i18n.units import toml_text
from alexnet.recipes.toml import fields_of
from alexnet.runs.report.part import FinishedRun, Part
from alexnet.runs.report.section import RunPage, Section


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """recipe: nested names and values."""

    recipe: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeView:
    """name: of the recipe. text: TOML."""

    name: str
    text: str


def collect(finished: FinishedRun) -> Settings:
    """The recipe that the run was trained with."""
    return Settings(recipe=fields_of(finished.recipe))


def view(page: RunPage) -> RecipeView | None:
    """The settings as TOML text."""
    part = page.part(Settings)
    return RecipeView(name=page.about.recipe_name, text=without_home(toml_text(part.recipe))) if part else None


SECTION = Section(name="recipe", view=view, part=Part(kind=Settings, collect=collect))
