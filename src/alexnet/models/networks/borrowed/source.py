"""What a library of networks must tell about each of its classifiers. Independent of which library it is, and of PyTorch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How the library feeds one network: sides in px, mean and spread of each colour on the scale 0 to 1.

    stored_size: of the short side, from which the centre of `image_size` is cut.
    """

    image_size: int
    stored_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


class Source(Protocol):
    """One library. Every method takes one of the library's own names; `check` is called before the others."""

    title: str  # what messages call it
    licence: str

    def check(self, name: str) -> None:
        """Raise BadModel, with the nearest name, for an unknown one, and with the extra to install if the library is missing."""
        ...

    def settings(self, name: str) -> Settings:
        """The images that the library's weights were trained for."""
        ...

    def build(self, name: str, image_size: int) -> "tuple[nn.Module, str]":
        """The network with its initial weights, and the state-dict name of the layer that computes the scores."""
        ...

    def weights(self, name: str) -> "Mapping[str, Tensor]":
        """The state dict that the library publishes for it; downloaded, and raises BadWeights if it cannot be."""
        ...


def first_line(error: Exception) -> str:
    """What an error of a library says first, short enough for a message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def last_weighted(network: "nn.Module") -> str:
    """The name of the last module with weights of its own: in a classifier, that which computes the scores."""
    names = [str(name) for name, module in network.named_modules() if any(True for _ in module.parameters(recurse=False))]
    return names[-1]
