"""model.json: everything besides the weights that a trained model needs."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from alexnet.data.preprocess import Preprocess
from alexnet.errors import BadRun
from alexnet.models.handcrafted.systems import FeatureConfig
from alexnet.models.networks.architecture import NetworkChoices
from alexnet.runtime.device import Precision
from alexnet.storage.records import convert, read_json

FORMAT = 1
LARGEST_SIDE = 65_535  # px, a JPEG's


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCard:
    """What `model.json` says: enough to build the model again and to know what it is worth.

    features and machine are a hand-crafted system's; a machine alone stands on the frozen network that the rest describes.
    """

    model: str
    classes: tuple[str, ...]
    channels: int
    preprocess: Preprocess
    network: NetworkChoices
    flip: bool  # whether a mirrored image keeps its class, for the ten views
    scores: dict[str, Any]
    versions: dict[str, str]
    features: FeatureConfig | None = None
    machine: Mapping[str, Any] | None = None
    precision: Precision | None = None  # that it was trained and tested in; None in cards of versions that did not say


def model_folder(path: Path) -> Path:
    """The folder of the trained model in (or at) `path`; raises BadRun with what is missing."""
    for folder in (path / "model", path):
        if _is_file(folder / "model.json") and _is_file(folder / "model.safetensors"):
            return folder
    if _is_file(path / "recipe.toml"):
        command = shlex.join(["alexnet", "train", "--out", str(path), "--resume"])
        raise BadRun(f"{path} holds a training that has not finished; resume it with: {command}")
    raise BadRun(
        f"{path} holds no trained model (model/model.json and model/model.safetensors); give the folder that `alexnet train --out` wrote."
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long to be one, or a folder that may not be looked into
        return False


def read_card(path: Path) -> ModelCard:
    """The card in that file; raises BadRun when it is damaged or of another version."""
    try:
        values = read_json(path)
        written = convert(int, values.get("format"), "format")
        _check_fields(values)
        card = _checked(convert(ModelCard, values)) if written == FORMAT else None
    except (OSError, ValueError) as error:
        raise damaged_card(path, error) from None
    if card is None:
        raise BadRun(f"{path} was written by another version of alexnet; train again, or use that version.")
    return card


def _check_fields(values: Mapping[str, Any]) -> None:
    """Raise ValueError for a choice that this version does not know: without it the model would be another."""
    for name, kind in (("network", NetworkChoices), ("features", FeatureConfig)):
        section = values.get(name)
        unknown = sorted(set(section) - {field.name for field in fields(kind)}) if isinstance(section, dict) else []
        if unknown:
            raise ValueError(f"{name}.{unknown[0]} is not known to this version")


def _checked(card: ModelCard) -> ModelCard:
    """The card, when its numbers can be a model's; raises ValueError."""
    sizes = card.preprocess
    if not 1 <= sizes.image_size <= sizes.stored_size <= LARGEST_SIDE:
        raise ValueError(f"images of {sizes.image_size} px in squares of {sizes.stored_size} px are impossible")
    if card.channels not in (1, 3) or not card.classes:
        raise ValueError(f"{len(card.classes)} classes and {card.channels} channels are impossible")
    return card


def damaged_card(path: Path, error: Exception) -> BadRun:
    """The error of a card that does not describe its model."""
    return BadRun(f"{path} is damaged ({error}); copy the run again or train again.")
