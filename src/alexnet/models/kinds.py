"""The kinds of models: their sections of a recipe, and what messages call them. Only this module tells them apart by name."""

from dataclasses import dataclass
from typing import Literal

from alexnet.models.handcrafted.systems import SYSTEMS

KindName = Literal["hand-crafted", "network", "frozen"]
FROZEN = "+svm"  # after a network's name: an SVM on its frozen last hidden layer


@dataclass(frozen=True, slots=True)
class ModelKind:
    """title: what messages call such a model. sections: the sections of a recipe that apply to this kind only."""

    name: KindName
    title: str
    sections: tuple[str, ...]


NETWORK = ModelKind("network", "a network", ("augment", "network", "training", "weights"))
HANDCRAFTED = ModelKind("hand-crafted", "a hand-crafted system", ("features", "solver"))
FROZEN_NETWORK = ModelKind("frozen", "a network's frozen features under an SVM", NETWORK.sections)


def kind_of(model: str) -> ModelKind:
    """The kind of a model by its name; an unknown name counts as a network."""
    if model in SYSTEMS:
        return HANDCRAFTED
    return FROZEN_NETWORK if model.endswith(FROZEN) else NETWORK
