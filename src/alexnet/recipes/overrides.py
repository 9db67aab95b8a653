"""Overriding the fields of a recipe by their dotted names."""

import math
from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from difflib import get_close_matches
from numbers import Real
from pathlib import PurePath
from typing import Any, get_args, get_origin

from alexnet.errors import BadRecipe, did_you_mean
from alexnet.recipes.recipe import Recipe, foreign_sections
from alexnet.storage.records import LARGEST_NUMBER, field_types, shown


def with_overrides(recipe: Recipe, overrides: Mapping[str, Any]) -> Recipe:
    """The recipe with fields replaced by dotted name, as {"training.learning-rate": "0.02"}; text is parsed as the field's type.

    Raises BadRecipe for an unknown name (with the nearest) or a value of the wrong type.
    """
    known = field_names(Recipe)
    tree: dict[str, Any] = {}
    for dotted, value in overrides.items():
        name = dotted.replace("-", "_")
        if name not in known:
            foreign = foreign_sections(recipe.model)
            raise BadRecipe(
                f"No field of a recipe is called '{dotted}'. {_near(name, [n for n in known if n.split('.')[0] not in foreign])}"
            )
        *sections, last = name.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = (value, dotted)
    replaced: Recipe = _replaced(recipe, tree)
    return replaced


def field_names(kind: Any, prefix: str = "") -> list[str]:
    """The dotted names of all leaf fields of a recipe."""
    names: list[str] = []
    for name, hint in field_types(kind).items():
        names += field_names(hint, f"{prefix}{name}.") if is_dataclass(hint) else [prefix + name]
    return names


def _near(name: str, known: list[str]) -> str:
    """A hint in command-line spelling: the same field in another section, else one that the name abbreviates or resembles, else all."""
    hyphened = [full.replace("_", "-") for full in known]
    last = {full.rpartition(".")[2]: full for full in hyphened}
    word = name.replace("_", "-")
    near = [last.get(word.rpartition(".")[2]), _abbreviated(word, hyphened), *get_close_matches(word, hyphened, n=1)]
    found = next((full for full in near if full), None)
    return f"Did you mean '{found}'?" if found else did_you_mean(word, hyphened)


def _abbreviated(word: str, known: list[str]) -> str | None:
    """The field that `training.lr`, `training.batch` or `bsz` is short for; of several, one of the same section, then the shortest name."""
    section, _, short = word.rpartition(".")
    own_section_first = sorted(known, key=lambda full: (not full.startswith(f"{section}."), len(full.rpartition(".")[2])))
    return next((full for reads in ABBREVIATIONS for full in own_section_first if reads(short, full.rpartition(".")[2])), None)


def _are_initials(short: str, name: str) -> bool:
    """`lr` of learning-rate."""
    return short == "".join(word[0] for word in name.split("-"))


def _share_a_word(short: str, name: str) -> bool:
    """`batch` of batch-size, and `dropout-rate` for dropout."""
    words, of_name = short.split("-"), name.split("-")
    return set(words) < set(of_name) or set(of_name) < set(words)


def _are_its_letters(short: str, name: str) -> bool:
    """`bsz` of batch-size, `optim` of optimizer: its first letter, and others in their order."""
    rest = iter(name.replace("-", ""))
    return len(short) >= 3 and short[0] == name[0] and all(letter in rest for letter in short.replace("-", ""))


ABBREVIATIONS = (_are_initials, _share_a_word, _are_its_letters)  # the surest first


def _replaced(owner: Any, tree: Mapping[str, Any]) -> Any:
    """The dataclass with the tree's leaves, (value, dotted name), replaced: all fields of a section at once, as they are checked."""
    hints = field_types(owner.__class__)
    values = {
        name: _replaced(getattr(owner, name), inner) if isinstance(inner, dict) else _converted(inner[0], hints[name], inner[1])
        for name, inner in tree.items()
    }
    return replace(owner, **values)


def _converted(value: Any, hint: Any, dotted: str) -> Any:
    kinds = [kind for kind in get_args(hint) if kind is not type(None)] if get_origin(hint) is not None else [hint]
    kind = kinds[0] if isinstance(kinds[0], type) else str  # a Literal: its dataclass checks the value
    try:
        converted = _yes_or_no(value) if kind is bool else kind(value) if _is_plain(value) else None
    except (TypeError, ValueError, OverflowError):
        converted = None
    if converted is None or (kind is int and isinstance(value, float) and value != converted) or not _is_in_range(converted):
        raise BadRecipe(f"{dotted} is {shown(value)}; it must be {_meaning(kind)}.")
    return converted


def _yes_or_no(value: Any) -> bool | None:
    """A boolean, or the boolean that a word such as "yes" means; None for anything else."""
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    return words.get(value.lower()) if isinstance(value, str) else value if isinstance(value, bool) else None


def _is_plain(value: Any) -> bool:
    """Whether a value is text, a path or a number; a bool does not count as a number."""
    return type(value) is not bool and isinstance(value, str | Real | PurePath)


def _is_in_range(value: Any) -> bool:
    """Whether a number is finite, and fits into 64 bits if it is whole."""
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or abs(value) <= LARGEST_NUMBER


def _meaning(kind: type) -> str:
    return {int: "a whole number", float: "a finite number", bool: "true or false", str: "text"}[kind]
