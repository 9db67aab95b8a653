"""A recipe: everything that decides a run, as one value that can be written, read, changed by a dotted name, and compared."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast, get_args, get_origin, get_type_hints

import tomli_w

from alexnet.data.augment import AugmentConfig
from alexnet.data.preprocess import PreprocessConfig
from alexnet.errors import BadRecipe, did_you_mean
from alexnet.evaluation.views import VIEWS, View
from alexnet.models.architecture import NetworkChoices
from alexnet.models.handcrafted.system import SYSTEMS, FeatureConfig
from alexnet.training.config import TrainingConfig
from alexnet.training.convex.config import SolverConfig

MOST_SEEDS = 2**32
OF_NETWORKS, OF_SYSTEMS = ("augment", "network", "training", "weights"), ("features", "solver")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """One run before it starts. `name` is the named recipe that it began from."""

    name: str
    data: str
    model: str
    seed: int = 0
    weights: str = ""  # trained weights to start from: a file, or "imagenet"
    views: str = "centre"  # how the test set is looked at, as "centre,ten"
    fraction: float = 1.0  # of the training pictures that are used, 0 to 1; validation and test stay whole
    preprocess: PreprocessConfig = field(default_factory=PreprocessConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    network: NetworkChoices = field(default_factory=NetworkChoices)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    solver: SolverConfig = field(default_factory=SolverConfig)

    def __post_init__(self) -> None:
        views_of(self.views)
        if not 0 < self.fraction <= 1:
            raise BadRecipe(f"fraction is {self.fraction:g}; it is a share of the training pictures, above 0 and at most 1.")
        if not 0 <= self.seed < MOST_SEEDS:
            raise BadRecipe(f"seed is {self.seed}; it is a whole number from 0 to {MOST_SEEDS - 1:,}.")


def views_of(views: str) -> list[View]:
    """The views that a recipe's word names, as "centre,ten"; raises BadRecipe for another word."""
    names = [name.strip() for name in views.split(",") if name.strip()]
    unknown = [name for name in names if name not in VIEWS]
    if unknown or not names:
        raise BadRecipe(f"views is '{views}'; it can be {', '.join(VIEWS)}, several joined by commas.")
    return [cast(View, name) for name in names]


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with fields replaced by dotted name, as {"training.learning-rate": "0.02"}; text is read as the field's type.

    Raises BadRecipe for an unknown name (with the nearest) or a value of the wrong kind.
    """
    known = field_names(Recipe)
    tree: dict[str, Any] = {}
    for dotted, value in changes.items():
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
    """All dotted names of the leaves of a recipe."""
    names: list[str] = []
    for name, hint in get_type_hints(kind).items():
        names += field_names(hint, f"{prefix}{name}.") if is_dataclass(hint) else [prefix + name]
    return names


def fields_of(recipe: Recipe) -> dict[str, Any]:
    """The recipe as nested values, without the sections that mean nothing to its kind of model."""
    foreign = foreign_sections(recipe.model)
    return {name: value for name, value in asdict(recipe).items() if name not in foreign}


def foreign_sections(model: str) -> tuple[str, ...]:
    """The sections of a recipe that mean nothing to a model: a network has no features, a hand-crafted system no training in epochs."""
    return OF_NETWORKS if model in SYSTEMS else OF_SYSTEMS


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
    return changed(start, _flat(values))


def _near(name: str, known: list[str]) -> str:
    """The nearest name as it is written on the command line: the same field elsewhere, a near name, or, failing both, all."""
    hyphened = [full.replace("_", "-") for full in known]
    last = {full.rpartition(".")[2]: full for full in hyphened}
    word = name.replace("_", "-")
    near = [last.get(word.rpartition(".")[2]), *get_close_matches(word, hyphened, n=1)]
    found = next((full for full in near if full), None)
    return f"Did you mean '{found}'?" if found else did_you_mean(word, hyphened)


def _replaced(owner: Any, tree: Mapping[str, Any]) -> Any:
    """The dataclass with the tree's leaves, (value, dotted name), put in; a section's fields all at once, as they are checked together."""
    hints = get_type_hints(type(owner))
    values = {
        name: _replaced(getattr(owner, name), inner) if isinstance(inner, dict) else _converted(inner[0], hints[name], inner[1])
        for name, inner in tree.items()
    }
    return replace(owner, **values)


def _converted(value: Any, hint: Any, dotted: str) -> Any:
    kinds = [kind for kind in get_args(hint) if kind is not type(None)] if get_origin(hint) is not None else [hint]
    kind = kinds[0] if isinstance(kinds[0], type) else str  # a Literal: its owner checks the word
    if kind is bool and isinstance(value, str):
        words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
        value = words.get(value.lower(), value)
    try:
        converted = kind(value) if not (kind is bool and not isinstance(value, bool)) else None
    except (TypeError, ValueError, OverflowError):
        converted = None
    if converted is None or (kind is int and isinstance(value, float) and value != converted) or not _is_finite(converted):
        raise BadRecipe(f"{dotted} is {value!r}; it must be {_meaning(kind)}.")
    return converted


def _is_finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _meaning(kind: type) -> str:
    return {int: "a whole number", float: "a finite number", bool: "true or false", str: "a word"}[kind]


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
