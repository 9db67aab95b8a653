"""The definition of a form: the names of its tensors, and the conversion from and to the state dict of the network that it represents."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from alexnet.models.weights.state_dict import State


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """One format for the weights of `function`, a network by its name in the catalogue.

    `read` converts this form to that network's state dict, `write` converts it back. Both preserve the data type and raise BadWeights,
    with the difference, for shapes that do not fit; the names have been checked before.
    """

    name: str
    layout: str  # one line for lists
    function: str
    names: tuple[str, ...]  # of the tensors, in the order of the layers
    read: Callable[[State], State]
    write: Callable[[State], State]
    suffixes: tuple[str, ...] = (".safetensors", ".pth")  # of its files; messages show the first as an example
    model: str = ""  # the catalogue's network that loads it with --weights; "" if none does
    options: Mapping[str, str] = field(default_factory=dict)  # fields of NetworkChoices that loading it needs
    when_read: str = ""  # a note for those who convert such a file
    when_written: str = ""  # a note on what was changed, and on what the program that loads the file needs


def tensor_names(layers: Iterable[str]) -> tuple[str, ...]:
    """The names of the two tensors of each layer of a state dict."""
    return tuple(f"{layer}.{part}" for layer in layers for part in ("weight", "bias"))
