"""Parameters, operations and memory of networks, one by one and side by side; no network is built."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from alexnet.models.networks.architecture import Architecture
from alexnet.models.networks.shapes import Layer, trace, trains_bias
from alexnet.models.registry import ARCHITECTURES, find_architecture

BYTES = 4  # per number in fp32
TRAINING_COPIES = 3  # of each trained number: weight, gradient, momentum


@dataclass(frozen=True, slots=True)
class Summary:
    """One network with a number of classes, channels and an image size."""

    architecture: Architecture
    classes: int
    channels: int
    image_size: int
    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> int:
        """The number of weights and biases."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def trainable_parameters(self) -> int:
        """The parameters that training changes: the filters of whitening layers are frozen."""
        whitening = {conv.name: conv for conv in self.architecture.convs if conv.whitens}
        biases = sum(conv.channels for conv in whitening.values() if trains_bias(self.architecture, conv))
        return sum(layer.parameters for layer in self.layers if layer.name not in whitening) + biases

    @property
    def macs(self) -> int:
        """Multiply-accumulates per image; 1 MAC = 2 FLOP."""
        return sum(layer.macs for layer in self.layers)

    @property
    def weight_bytes(self) -> int:
        """Memory of the weights in fp32, in bytes."""
        return BYTES * self.parameters

    @property
    def training_bytes(self) -> int:
        """Memory of weights, gradients and momentum in fp32, in bytes, without activations."""
        return self.weight_bytes + (TRAINING_COPIES - 1) * BYTES * self.trainable_parameters

    def to_json(self) -> dict[str, Any]:
        """The object of `alexnet summary --json`."""
        return {
            "name": self.architecture.name,
            "parameters": self.parameters,
            "trainable_parameters": self.trainable_parameters,
            "macs": self.macs,
            "classes": self.classes,
            "channels": self.channels,
            "image_size": self.image_size,
            "weight_bytes": self.weight_bytes,
            "training_bytes": self.training_bytes,
            "layers": [asdict(layer) for layer in self.layers],
        }


def summarise(models: Sequence[str], *, classes: int | None, image_size: int | None, channels: int | None) -> list[Summary]:
    """The named networks, or the whole catalogue; arguments that are None take each network's own value."""
    chosen = [find_architecture(name) for name in models] or list(ARCHITECTURES.values())
    return [_summary(architecture, classes, image_size, channels) for architecture in chosen]


def comparison(summaries: Sequence[Summary]) -> list[tuple[str, list[str]]]:
    """The fields in which the networks differ: (field, one value per network)."""
    if len(summaries) < 2:
        return []
    fields = [
        asdict(one.architecture) | {"classes": one.classes, "channels": one.channels, "image_size": one.image_size} for one in summaries
    ]
    names = [name for name in fields[0] if name not in ("name", "title", "source", "convs", "hidden", "borrowed")]
    return [(name.replace("_", " "), [str(one[name]) for one in fields]) for name in names if len({str(one[name]) for one in fields}) > 1]


def _summary(architecture: Architecture, classes: int | None, image_size: int | None, channels: int | None) -> Summary:
    a = architecture
    units = a.classes if classes is None else classes
    size = a.image_size if image_size is None else image_size
    depth = a.channels if channels is None else channels
    return Summary(a, units, depth, size, trace(a, classes=units, channels=depth, image_size=size))
