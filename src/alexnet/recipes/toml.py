"""Writing a recipe as TOML and reading it back, and the differences between two recipes."""

import re
import tomllib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import tomli_w

from alexnet.errors import AlexNetError, BadRecipe
from alexnet.recipes.overrides import field_names, with_overrides
from alexnet.recipes.recipe import Recipe, foreign_sections
from alexnet.storage.records import convert, field_types, shown
from alexnet.storage.regular_files import open_regular

LARGEST_RECIPE = 1_000_000  # bytes; those that we write have about 2,000
REQUIRED = ("name", "data", "model")
DEEPEST_KEY = 100  # words; ours have 2, and the memory that reading a key takes grows with their square: 20 GB for 100,000
DOTTED = re.compile(r"""[\w"'-]++(?:[ \t]*+\.[ \t]*+[\w"'-]++)*+""")
# not written at their defaults: runs of earlier versions keep their identity
LATER_FIELDS = (
    "augment.scale", "training.muon_precision", "training.balance", "training.rate_per_layer", "training.fixed_layers",
    "training.norm_statistics", "training.validations", "training.kept", "training.random_labels", "solver.balance",
)  # fmt: skip


def fields_of(recipe: Recipe) -> dict[str, Any]:
    """The recipe as nested values, without the sections that its kind of model does not use."""
    foreign = foreign_sections(recipe.model)
    return {name: value for name, value in asdict(recipe).items() if name not in foreign}


def to_toml(recipe: Recipe) -> str:
    """The recipe as TOML, without fields that are None (the network's own value) and `LATER_FIELDS` at their defaults."""
    start = Recipe(name=recipe.name, data=recipe.data, model=recipe.model)
    values, defaults = fields_of(recipe), fields_of(start)
    for section, _, name in (field.partition(".") for field in LATER_FIELDS):
        if section in values and values[section][name] == defaults[section][name]:
            del values[section][name]
    return tomli_w.dumps(_without_none(values))


def from_toml(path: Path) -> Recipe:
    """Read a `recipe.toml`; raises BadRecipe with the file's name if it is not a valid recipe."""
    values = _read_toml(path)
    missing = [name for name in REQUIRED if name not in values]
    if missing:
        raise BadRecipe(f"{path} lacks {', '.join(missing)}; a recipe needs {', '.join(REQUIRED)}.")
    try:
        name, data, model = (convert(str, values.pop(field), field) for field in REQUIRED)
        start = Recipe(name=name, data=data, model=model)
        _check_sections(values)
        return with_overrides(start, _flat(values))
    except (AlexNetError, ValueError) as error:
        raise BadRecipe(f"{path}: {error}") from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with open_regular(path) as file:
            content = file.read(LARGEST_RECIPE + 1)
    except OSError as error:
        raise BadRecipe(f"{path} cannot be opened ({error.strerror}). Pass the name of a recipe, or the recipe.toml of a run.") from None
    if len(content) > LARGEST_RECIPE:
        raise BadRecipe(f"{path} is not a readable recipe: it is larger than {LARGEST_RECIPE:,} bytes.")
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise BadRecipe(f"{path} is not a readable recipe: it is in UTF-16. Save it as UTF-8.")
    try:
        text = content.decode("utf-8-sig")
        if any(match[0].count(".") >= DEEPEST_KEY for match in DOTTED.finditer(text)):
            raise RecursionError
        return tomllib.loads(text)
    except RecursionError:
        raise BadRecipe(f"{path} is not a readable recipe: it is nested too deeply.") from None
    except UnicodeDecodeError as error:
        raise BadRecipe(f"{path} is not a readable recipe: byte {error.start:,} cannot be decoded. Save it as UTF-8.") from None
    except ValueError as error:  # of TOML, and of numbers with thousands of digits
        raise BadRecipe(f"{path} is not a readable recipe: {error}") from None


def _check_sections(values: Mapping[str, Any]) -> None:
    """Raise BadRecipe unless sections are tables, fields are values, and nothing is nested in a field."""
    sections = {name for name, hint in field_types(Recipe).items() if is_dataclass(hint)}
    for name, value in values.items():
        if name in sections and not isinstance(value, Mapping):
            raise BadRecipe(f"{name} is {shown(value)}; it is a section, whose fields go under [{name}].")
        inner = value if isinstance(value, Mapping) else {}
        nested = [f"{name}.{field}" for field, part in inner.items() if isinstance(part, Mapping)]
        if nested or (inner and name in field_names(Recipe)):
            raise BadRecipe(f"{[*nested, name][0]} is a section; only {', '.join(sorted(sections))} are sections.")


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return flat


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    inner = {name: _without_none(value) if isinstance(value, dict) else value for name, value in values.items()}
    return {name: value for name, value in inner.items() if value is not None and value != {}}


def differences(one: Recipe, other: Recipe) -> list[str]:
    """The fields in which two recipes differ, as "training.epochs: 3 / 5"."""
    left, right = _flat(asdict(one)), _flat(asdict(other))
    return [f"{name}: {left[name]} / {right[name]}" for name in left if left[name] != right[name]]
