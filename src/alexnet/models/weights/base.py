"""What a form is: the names of its tensors, and the way to and from the state dict of the network whose function it is."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from alexnet.models.weights.load import State


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """One way to write down the weights of `function`, the catalogue's name of a network.

    `read` turns this form into that network's state dict, `write` turns it back. Both keep the numbers' type and raise BadWeights, with
    the difference, for shapes that do not fit; the names have been compared before.
    """

    name: str
    layout: str  # one line for lists
    function: str
    names: tuple[str, ...]  # of its tensors, in the order of the layers
    read: Callable[[State], State]
    write: Callable[[State], State]
    suffixes: tuple[str, ...] = (".safetensors", ".pth")  # of its files; the first is named as an example
    model: str = ""  # the catalogue's network that loads it with --weights; "" if none does
    options: Mapping[str, str] = field(default_factory=dict)  # fields of NetworkChoices that it is loaded with
    when_read: str = ""  # what a reader of such a file should know
    when_written: str = ""  # what was done, and what the file needs where it goes


def tensor_names(layers: Iterable[str]) -> tuple[str, ...]:
    """The two tensors of each layer of a state dict."""
    return tuple(f"{layer}.{part}" for layer in layers for part in ("weight", "bias"))
