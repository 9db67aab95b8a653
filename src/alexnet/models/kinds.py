"""The kinds of models: what of a recipe is theirs, and how messages call them. One question, asked here and nowhere else."""

from dataclasses import dataclass
from typing import Literal

from alexnet.models.handcrafted.systems import SYSTEMS

KindName = Literal["hand-crafted", "network", "frozen"]
FROZEN = "+svm"  # after a network's name: its last hidden layer under another machine


@dataclass(frozen=True, slots=True)
class ModelKind:
    """title: as messages call one. sections: of a recipe that mean something to it alone."""

    name: KindName
    title: str
    sections: tuple[str, ...]


NETWORK = ModelKind("network", "a network", ("augment", "network", "training", "weights"))
HANDCRAFTED = ModelKind("hand-crafted", "a hand-crafted system", ("features", "solver"))
FROZEN_NETWORK = ModelKind("frozen", "a network's frozen features under an SVM", NETWORK.sections)


def kind_of(model: str) -> ModelKind:
    """The kind of a model by its name; a name that is not known is taken for a network's."""
    if model in SYSTEMS:
        return HANDCRAFTED
    return FROZEN_NETWORK if model.endswith(FROZEN) else NETWORK
