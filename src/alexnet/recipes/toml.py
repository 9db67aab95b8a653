"""A recipe as TOML, there and back, and where two recipes differ."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tomli_w

from alexnet.errors import BadRecipe
from alexnet.recipes.overrides import with_overrides
from alexnet.recipes.recipe import Recipe, foreign_sections


def fields_of(recipe: Recipe) -> dict[str, Any]:
    """The recipe as nested values, without the sections that mean nothing to its kind of model."""
    foreign = foreign_sections(recipe.model)
    return {name: value for name, value in asdict(recipe).items() if name not in foreign}


def to_toml(recipe: Recipe) -> str:
    """The recipe as TOML; fields that keep a network's own value (None) are left out."""
    return tomli_w.dumps(_without_none(fields_of(recipe)))


def from_toml(path: Path) -> Recipe:
    """Read a `recipe.toml`; raises BadRecipe when it is not one."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadRecipe(f"{path} cannot be opened ({error.strerror}); give a recipe's name or the recipe.toml of a run.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadRecipe(f"{path} is not a readable recipe: {error}") from None
    missing = [name for name in ("name", "data", "model") if not isinstance(values.get(name), str)]
    if missing:
        raise BadRecipe(f"{path} lacks {', '.join(missing)}; a recipe names its recipe, data and model.")
    start = Recipe(name=values.pop("name"), data=values.pop("data"), model=values.pop("model"))
    return with_overrides(start, _flat(values))


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return flat


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    kept = {name: _without_none(value) if isinstance(value, dict) else value for name, value in values.items()}
    return {name: value for name, value in kept.items() if value is not None and value != {}}


def differences(one: Recipe, other: Recipe) -> list[str]:
    """The dotted fields in which two recipes differ, as "training.epochs: 3 / 5"."""
    left, right = _flat(asdict(one)), _flat(asdict(other))
    return [f"{name}: {left[name]} / {right[name]}" for name in left if left[name] != right[name]]
