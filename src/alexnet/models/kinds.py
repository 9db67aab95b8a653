"""The kinds of models: their sections of a recipe, and what messages call them. Only this module tells them apart by name."""

from dataclasses import dataclass
from typing import Literal

from alexnet.models.handcrafted.systems import SYSTEMS

KindName = Literal["hand-crafted", "pretrained", "network", "frozen"]
FROZEN = "+svm"  # after a network's name: an SVM on its frozen last hidden layer


@dataclass(frozen=True, slots=True)
class ModelKind:
    """title: what messages call such a model. sections: the sections of a recipe that apply to this kind only.

    fixed_features: what describes an image is not learned from its class: features are computed once, under one convex problem.
    """

    name: KindName
    title: str
    sections: tuple[str, ...]
    fixed_features: bool = False


NETWORK = ModelKind("network", "a network", ("augment", "network", "training", "weights"))
HANDCRAFTED = ModelKind("hand-crafted", "a hand-crafted system", ("features", "solver"), fixed_features=True)
PRETRAINED = ModelKind("pretrained", "a pretrained network's features under an SVM", HANDCRAFTED.sections, fixed_features=True)
FROZEN_NETWORK = ModelKind("frozen", "a network's frozen features under an SVM", NETWORK.sections)


def kind_of(model: str) -> ModelKind:
    """The kind of a model by its name; an unknown name counts as a network."""
    if model in SYSTEMS:
        return PRETRAINED if SYSTEMS[model].features.is_pretrained else HANDCRAFTED
    return FROZEN_NETWORK if model.endswith(FROZEN) else NETWORK
