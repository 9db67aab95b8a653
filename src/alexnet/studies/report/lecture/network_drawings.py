"""Drawings counted from the networks: shapes, parameters, computation, memory, what a position sees."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from alexnet.i18n.phrases import PageWords
from alexnet.i18n.units import count, data_size
from alexnet.lecture.networks import layer_by_layer, lecture_networks
from alexnet.models.networks.alexnet import ALEXNET_2012
from alexnet.models.networks.architecture import Architecture
from alexnet.models.networks.lenet import LENET
from alexnet.models.networks.shapes import Layer
from alexnet.models.summary import BYTES, Summary
from alexnet.studies.report.lecture.drawing import Bar, Drawing, hand_drawn, linear, logarithmic, rectangle, text

BATCH = 128  # images per step in 2012
GPU_BYTES = 3e9  # of a GTX 580
NAMES = {"lenet": "LeNet", "alexnet": "AlexNet", "alexnet-d2l": "AlexNet"}  # as people write them
LATER = (("VGG-16", 16), ("VGG-19", 19), ("ResNet-152", 152))  # layers with weights, as published
SCALE = 0.62  # CSS pixels per pixel of a map
UNITS_HEIGHT = 130 / 4096  # CSS pixels per unit of a fully connected layer
BASE = 158  # where the blocks stand
LETTER = 7.5  # width of a digit, CSS pixels


def shapes(_: str, words: PageWords) -> Drawing:
    """LeNet's and AlexNet's maps to scale, side by side."""
    networks = lecture_networks()
    parts: list[Markup] = []
    end = 6.0
    for network in (networks.lenet, networks.published):
        start = end
        for block in _blocks(network):
            room = max(_width(block), LETTER * len(str(block[0])))
            parts += _drawn_block(block, end + room / 2)
            end += room + 13
        parts.append(text((start + end) / 2, 206, NAMES[network.architecture.name], "fill:var(--ink); font-size:14px"))
        end += 26
    label = words.plain("lecture.aria-shapes", lenet=_sides(networks.lenet), alexnet=_sides(networks.published))
    return Drawing(caption=words.plain("lecture.drawing-shapes"), svg=hand_drawn(label, round(end), 214, parts), wide=True)


def _blocks(network: Summary) -> list[tuple[int, ...]]:
    """The image, then the output of each convolution, pooling and fully connected layer."""
    shown = [layer.output for layer in network.layers if layer.parameters or layer.kind == "pool"]
    side = max(network.image_size, network.architecture.canvas)
    return [(network.channels, side, side), *shown]


def _sides(network: Summary) -> str:
    return ", ".join("x".join(map(str, block[:2])) for block in _blocks(network))


def _width(block: tuple[int, ...]) -> float:
    return 4.0 if len(block) == 1 else 3 + 2.6 * block[0].bit_length()


def _drawn_block(block: tuple[int, ...], middle: float) -> Iterator[Markup]:
    width = _width(block)
    x = middle - width / 2
    height = max(3.0, UNITS_HEIGHT * block[0] if len(block) == 1 else SCALE * block[1])
    colour = "var(--series-1)" if len(block) > 1 else "var(--series-4)"
    yield rectangle(x, BASE - height, width, height, f"fill:{colour}; fill-opacity:.75")
    yield text(middle, BASE + 15, block[0])
    if len(block) > 1:
        yield text(middle, BASE - height - 5, block[1])


def parameters_by_layer(_: str, words: PageWords) -> Drawing:
    """Parameters of LeNet and of the lecture's AlexNet, layer by layer."""
    return Drawing(caption=words.plain("lecture.drawing-parameters-by-layer"), bars=_by_layer("parameters", words))


def macs_by_layer(_: str, words: PageWords) -> Drawing:
    """Multiply-accumulates of both, layer by layer."""
    return Drawing(caption=words.plain("lecture.drawing-macs-by-layer"), bars=_by_layer("macs", words))


def _by_layer(quantity: str, words: PageWords) -> list[Bar]:
    networks = lecture_networks()
    named = (NAMES[networks.lenet.architecture.name], NAMES[networks.lecture.architecture.name])
    rows = [
        (f"{row.label(words.lang)}, {name}", int(getattr(layer, quantity)), place)
        for row in layer_by_layer(networks)
        for place, (name, layer) in enumerate(zip(named, row.layers[:2], strict=True))
        if layer is not None
    ]
    shares = logarithmic([value for _, value, _ in rows])
    return [
        Bar(label=label, share=share, value=words.number(value), place=3 if place else 0)
        for (label, value, place), share in zip(rows, shares, strict=True)
    ]


def shares(_: str, words: PageWords) -> Drawing:
    """What the convolutions and the fully connected layers of 2012 hold and do."""
    layers = lecture_networks().published.layers
    bars = []
    for quantity in ("parameters", "macs"):
        whole = sum(getattr(layer, quantity) for layer in layers)
        for kind, place in (("conv", 0), ("full", 3)):
            part = sum(getattr(layer, quantity) for layer in layers if _is_full(layer) == (kind == "full"))
            label = words.plain(f"lecture.row-{quantity}-{kind}")
            bars.append(Bar(label=label, share=part / whole, value=f"{part / whole:.0%}", note=words.number(part), place=place))
    return Drawing(caption=words.plain("lecture.drawing-shares"), bars=bars)


def _is_full(layer: Layer) -> bool:
    return layer.kind == "fully connected"


def memory(_: str, words: PageWords) -> Drawing:
    """What training the 2012 network keeps in memory, against a GPU of 2012."""
    network = lecture_networks().published
    weights = BYTES * network.parameters
    outputs = BYTES * BATCH * sum(_size(layer.output) for layer in network.layers)
    rows = [("weights", weights), ("gradients", weights), ("momentum", weights), ("outputs", outputs), ("gpu", GPU_BYTES)]
    lengths = linear([value for _, value in rows])
    bars = [
        Bar(
            label=words.plain(f"lecture.row-memory-{name}", batch=BATCH),
            share=share,
            value=data_size(value),
            place=5 if name == "gpu" else 0,
        )
        for (name, value), share in zip(rows, lengths, strict=True)
    ]
    return Drawing(caption=words.plain("lecture.drawing-memory"), bars=bars)


def _size(output: tuple[int, ...]) -> int:
    product = 1
    for side in output:
        product *= side
    return product


def receptive_fields(_: str, words: PageWords) -> Drawing:
    """The side of the part of the image that one position sees, layer by layer."""
    rows = [
        (f"{layer}, {NAMES[architecture.name]}", side, side / image, place)
        for place, architecture, image in ((0, LENET, 32), (3, ALEXNET_2012, 227))
        for layer, side in fields_of(architecture)
    ]
    bars = [
        Bar(
            label=label,
            share=min(1.0, part),
            value=words.plain("study.pixels", n=side),
            note=words.plain("lecture.note-of-side", share=f"{part:.0%}"),
            place=place,
        )
        for label, side, part, place in rows
    ]
    return Drawing(caption=words.plain("lecture.drawing-receptive-fields"), bars=bars)


def fields_of(architecture: Architecture) -> list[tuple[str, int]]:
    """(layer, side in pixels of what one position sees) of each convolution and the pooling after it."""
    side, step, rows = 1, 1, []
    for conv in architecture.convs:
        side, step = side + (conv.kernel - 1) * step, step * conv.stride
        rows.append((conv.name, side))
        if conv.pool:
            side, step = side + (architecture.pool_kernel - 1) * step, step * architecture.pool_stride
            rows.append((f"pool{conv.name.removeprefix('conv')}", side))
    return rows


def layer_counts(_: str, words: PageWords) -> Drawing:
    """Layers with weights of LeNet, AlexNet and networks after them."""
    ours = [(NAMES[one.architecture.name], sum(layer.parameters > 0 for layer in one.layers)) for one in _lenet_and_alexnet()]
    rows = [*ours, *LATER]
    lengths = logarithmic([number for _, number in rows])
    bars = [Bar(label=name, share=share, value=count(number)) for (name, number), share in zip(rows, lengths, strict=True)]
    return Drawing(caption=words.plain("lecture.drawing-layer-counts"), bars=bars)


def _lenet_and_alexnet() -> Sequence[Summary]:
    networks = lecture_networks()
    return networks.lenet, networks.published
