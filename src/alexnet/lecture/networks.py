"""The lecture's comparison of LeNet with AlexNet, layer by layer, counted from the networks. Independent of the slides."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from alexnet.i18n.translate import Lang, say
from alexnet.models.networks.alexnet import ALEXNET_2012, ALEXNET_D2L
from alexnet.models.networks.architecture import Architecture
from alexnet.models.networks.lenet import LENET
from alexnet.models.networks.shapes import Layer, trace
from alexnet.models.summary import Summary

FLOP_PER_MAC = 2  # a multiplication and an addition


@dataclass(frozen=True, kw_only=True, slots=True)
class LectureNetworks:
    """The layer tables of the networks in the comparison."""

    lenet: Summary  # 1 x 28, 10 classes
    lecture: Summary  # AlexNet as in the lecture, with 3 channels and 10 classes
    published: Summary  # the 2012 network, 1,000 classes

    def __iter__(self) -> Iterator[Summary]:
        return iter((self.lenet, self.lecture, self.published))


@dataclass(frozen=True, slots=True)
class LayerRow:
    """Layers of the same role, one per network; None where a network has no such layer."""

    role: str  # "conv1", ..., "hidden1", ..., "output"
    layers: tuple[Layer | None, ...]

    def label(self, lang: Lang) -> str:
        """The role as text."""
        if self.role == "output":
            return say("slides.output_layer", lang)
        if self.role.startswith("hidden"):
            return say("slides.hidden_layer", lang, number=self.role.removeprefix("hidden"))
        return self.role


def lecture_networks(
    lenet: Architecture = LENET, lecture: Architecture = ALEXNET_D2L, published: Architecture = ALEXNET_2012
) -> LectureNetworks:
    """The three networks at the lecture's sizes; both forms of AlexNet have 3 channels."""
    return LectureNetworks(
        lenet=_counted(lenet, classes=10, channels=1),
        lecture=_counted(lecture, classes=10, channels=3),
        published=_counted(published, classes=1000, channels=3),
    )


def _counted(architecture: Architecture, *, classes: int, channels: int) -> Summary:
    size = architecture.image_size
    return Summary(architecture, classes, channels, size, trace(architecture, classes=classes, channels=channels, image_size=size))


def layer_by_layer(networks: LectureNetworks) -> tuple[LayerRow, ...]:
    """Every layer that has parameters, paired by role: convolutions, hidden fully connected layers, the output."""
    roles = [_roles(network) for network in networks]
    found = {role for of_one in roles for role in of_one}
    return tuple(LayerRow(role, tuple(of_one.get(role) for of_one in roles)) for role in sorted(found, key=_place))


def _roles(network: Summary) -> dict[str, Layer]:
    weighted = [layer for layer in network.layers if layer.parameters]
    *hidden, output = [layer for layer in weighted if layer.kind == "fully connected"]
    convolutions = {layer.name: layer for layer in weighted if layer.kind != "fully connected"}
    return convolutions | {f"hidden{number}": layer for number, layer in enumerate(hidden, start=1)} | {"output": output}


def _place(role: str) -> tuple[int, str]:
    return (2 if role == "output" else 1 if role.startswith("hidden") else 0), role


def comparison_title(lang: Lang) -> str:
    """The heading of the comparison."""
    return say("slides.head_networks", lang)


def network_lines(networks: LectureNetworks, lang: Lang) -> list[str]:
    """A line for each network: the input size and number of classes that it is counted for."""
    return [
        say(
            "slides.head_network",
            lang,
            network=one.architecture.name,
            channels=one.channels,
            image_size=one.image_size,
            classes=f"{one.classes:,}",
        )
        for one in networks
    ]


def layer_head(networks: LectureNetworks, lang: Lang) -> list[str]:
    """The columns of `layer_lines`: the layer, each network's parameters, each network's multiply-accumulates."""
    names = [network.architecture.name for network in networks]
    return ["", *(f"{quantity}\n{name}" for quantity in (say("slides.parameters_of", lang), say("slides.macs_of", lang)) for name in names)]


def layer_lines(networks: LectureNetworks, lang: Lang) -> list[list[str]]:
    """The comparison as text, one row per layer; then the totals, the FLOP, and the multiples of LeNet."""
    rows = [[row.label(lang), *_counts(row, "parameters"), *_counts(row, "macs")] for row in layer_by_layer(networks)]
    total = [f"{count:,}" for count in (*_parameters(networks), *_macs(networks))]
    flop = [f"{FLOP_PER_MAC * macs:,}" for macs in _macs(networks)]
    times = [f"{count:,}x" for count in (*times_the_first(_parameters(networks)), *times_the_first(_macs(networks)))]
    blank = [""] * len(flop)
    return [*rows, [say("slides.total", lang), *total], ["FLOP", *blank, *flop], [say("slides.times_lenet", lang), *times]]


def _counts(row: LayerRow, quantity: str) -> list[str]:
    return ["" if layer is None else f"{getattr(layer, quantity):,}" for layer in row.layers]


def _parameters(networks: LectureNetworks) -> list[int]:
    return [network.parameters for network in networks]


def _macs(networks: LectureNetworks) -> list[int]:
    return [network.macs for network in networks]


def times_the_first(counts: list[int]) -> list[int]:
    """Each count as a multiple of the first, rounded."""
    return [round(count / counts[0]) for count in counts]


def networks_json(networks: LectureNetworks) -> list[dict[str, Any]]:
    """One object per network: its totals, and their multiples of LeNet's."""
    times = zip(times_the_first(_parameters(networks)), times_the_first(_macs(networks)), strict=True)
    return [
        {
            "name": network.architecture.name,
            "channels": network.channels,
            "image_size": network.image_size,
            "classes": network.classes,
            "parameters": network.parameters,
            "macs": network.macs,
            "flop": FLOP_PER_MAC * network.macs,
            "parameters_ratio": parameters_ratio,
            "macs_ratio": macs_ratio,
        }
        for network, (parameters_ratio, macs_ratio) in zip(networks, times, strict=True)
    ]


def layers_json(networks: LectureNetworks) -> list[dict[str, Any]]:
    """One object per row: the role, and each network's layer in it (null if it has none)."""
    names = [network.architecture.name for network in networks]
    return [
        {"layer": row.role} | {name: _layer_json(layer) for name, layer in zip(names, row.layers, strict=True)}
        for row in layer_by_layer(networks)
    ]


def _layer_json(layer: Layer | None) -> dict[str, Any] | None:
    if layer is None:
        return None
    return {
        "name": layer.name,
        "output": list(layer.output),
        "parameters": layer.parameters,
        "macs": layer.macs,
        "flop": FLOP_PER_MAC * layer.macs,
    }
