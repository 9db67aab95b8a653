"""model.json: everything that a trained model needs besides its weights."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
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
    """The content of `model.json`: enough to rebuild the model, with its measured scores.

    features and machine belong to a hand-crafted system; a machine alone is a linear probe on the frozen network that the rest describes.
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
    temperature: float | None = None  # that a network's scores are divided by; None: 1, as in model cards of earlier versions
    precision: Precision | None = None  # of training and testing; None in model cards of earlier versions, which did not record it


def read_card(path: Path) -> ModelCard:
    """The model card in the file `path`; raises BadRun if it is damaged or of another version."""
    try:
        values = read_json(path)
        written = convert(int, values.get("format"), "format")
        model_card = model_card_from(values) if written == FORMAT else None
    except (OSError, ValueError) as error:
        raise damaged_card(path, error) from None
    if model_card is None:
        raise BadRun(f"{path} was written by another version of alexnet. Train again, or use that version.")
    return model_card


def model_card_from(values: Mapping[str, Any]) -> ModelCard:
    """The model card in a JSON object of this version's format; raises ValueError for one that is damaged."""
    _check_fields(values)
    return _checked(convert(ModelCard, values))


def _check_fields(values: Mapping[str, Any]) -> None:
    """Raise ValueError for a setting that this version does not have: without it, another model would be built."""
    for name, kind in (("network", NetworkChoices), ("features", FeatureConfig)):
        section = values.get(name)
        unknown = sorted(set(section) - {field.name for field in fields(kind)}) if isinstance(section, dict) else []
        if unknown:
            raise ValueError(f"{name}.{unknown[0]} is not known to this version")


def model_json(model_card: ModelCard) -> dict[str, Any]:
    """The model card as the JSON object of `model.json`: settings that are not set are left out."""
    values = {"format": FORMAT, **{name: value for name, value in asdict(model_card).items() if value is not None}}
    values["network"] = {name: value for name, value in values["network"].items() if value is not None}
    return values


def _checked(model_card: ModelCard) -> ModelCard:
    """The model card, once its numbers are checked; raises ValueError if they are impossible."""
    sizes = model_card.preprocess
    if not 1 <= sizes.image_size <= sizes.stored_size <= LARGEST_SIDE:
        raise ValueError(f"images of {sizes.image_size} px in squares of {sizes.stored_size} px are impossible")
    if model_card.channels not in (1, 3) or not model_card.classes:
        raise ValueError(f"{len(model_card.classes)} classes and {model_card.channels} channels are impossible")
    if model_card.temperature is not None and not 0 < model_card.temperature < float("inf"):
        raise ValueError(f"a temperature of {model_card.temperature:g} is impossible")
    return model_card


def damaged_card(path: Path, error: Exception) -> BadRun:
    """The error for a model card that does not describe a model that can be built."""
    return BadRun(f"{path} is damaged ({error}). Copy the run again, or train again.")
