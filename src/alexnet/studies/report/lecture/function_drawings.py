"""Drawings of functions and arithmetic: slopes, response normalisation, a kernel matrix, crops, dropout, attention. No data set is read."""

import random
from collections.abc import Iterator

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alexnet.i18n.phrases import PageWords
from alexnet.i18n.units import count, data_size
from alexnet.models.networks.alexnet import ALEXNET_2012
from alexnet.pages.palette import ACCENT, INK, MUTED, SERIES
from alexnet.pages.plots import drawn
from alexnet.studies.report.lecture.drawing import Bar, Drawing, hand_drawn, logarithmic, rectangle, text

KERNEL_IMAGES = (1_000, 10_000, 60_000, 1_281_167)  # the last two: MNIST, and the competition's ImageNet
SINGLE = 4  # bytes of a number
FRAME = (0.13, 0.17, 0.83, 0.66)  # of a plot's axes in its figure
FULL, CROP = 256, 224  # pixels, of the paper's images


def slopes(name: str, words: PageWords) -> Drawing:
    """The derivatives of ReLU, tanh and sigmoid."""
    x = np.linspace(-6, 6, 241)
    sigmoid = 1 / (1 + np.exp(-x))
    lines = {"ReLU": (x > 0).astype(float), "tanh": 1 - np.tanh(x) ** 2, "sigmoid": sigmoid * (1 - sigmoid)}

    def draw(figure: Figure) -> None:
        axes = figure.add_axes(FRAME)
        for (label, y), colour, style in zip(lines.items(), (ACCENT, SERIES[0].light, INK), ("-", "--", ":"), strict=True):
            axes.plot(x, y, label=label, color=colour, linewidth=2, linestyle=style)
        _dress(axes, words.plain("lecture.axis-input"), words.plain("lecture.axis-slope"))

    return Drawing(caption=words.plain("lecture.drawing-slopes"), svg=drawn(name, words.plain("lecture.aria-slopes"), 5.4, 3.0, draw))


def _dress(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3)


def response_norm(name: str, words: PageWords) -> Drawing:
    """What is left of an activation as its neighbours grow, with the published constants."""
    neighbours = np.linspace(0, 400, 201)
    network = ALEXNET_2012
    alpha, factor = network.norm_alpha / network.norm_size, network.norm_k**-network.norm_beta

    def draw(figure: Figure) -> None:
        axes = figure.add_axes(FRAME)
        for own, colour, style in ((50, SERIES[0].light, "-"), (200, ACCENT, "--")):
            energy = own**2 + (network.norm_size - 1) * neighbours**2
            left = (network.norm_k + alpha * energy) ** -network.norm_beta
            axes.plot(neighbours, left, color=colour, linestyle=style, linewidth=2, label=words.plain("lecture.line-own", own=own))
        axes.axhline(factor, color=MUTED, linestyle=":", label=words.plain("lecture.line-factor"))
        axes.set_ylim(0, 0.65)
        _dress(axes, words.plain("lecture.axis-neighbours"), words.plain("lecture.axis-left"))

    label = words.plain("lecture.aria-response-norm", factor=f"{factor:.3f}")
    return Drawing(caption=words.plain("lecture.drawing-response-norm"), svg=drawn(name, label, 5.4, 3.0, draw))


def kernel_matrix(_: str, words: PageWords) -> Drawing:
    """The memory of an exact kernel matrix, against the weights of AlexNet."""
    sizes = [SINGLE * images**2 for images in KERNEL_IMAGES]
    labels = [words.plain("lecture.row-kernel", n=count(images)) for images in KERNEL_IMAGES]
    weights = SINGLE * 60_965_224
    lengths = logarithmic([*sizes, weights])
    bars = [Bar(label=label, share=share, value=data_size(size)) for label, size, share in zip(labels, sizes, lengths[:-1], strict=True)]
    alexnet = Bar(label=words.plain("lecture.row-weights"), share=lengths[-1], value=data_size(weights), place=3)
    return Drawing(caption=words.plain("lecture.drawing-kernel-matrix"), bars=[*bars, alexnet])


def crops(_: str, words: PageWords) -> Drawing:
    """A crop of the paper's size at three places, and mirrored."""
    side, crop, parts = 150.0, 150.0 * CROP / FULL, list[Markup]()
    for place, (x, y, mirrored) in enumerate(((0.1, 0.8, False), (0.9, 0.15, False), (0.5, 0.5, True))):
        left, top = 12 + place * (side + 34), 8.0
        parts.append(rectangle(left, top, side, side, "fill:var(--soft); stroke:var(--line)"))
        inner_x, inner_y = left + x * (side - crop), top + y * (side - crop)
        parts.append(
            rectangle(inner_x, inner_y, crop, crop, "fill:var(--series-1); fill-opacity:.22; stroke:var(--series-1); stroke-width:2")
        )
        parts += _face(inner_x + crop / 2, inner_y + crop / 2, -1 if mirrored else 1)
    positions = (FULL - CROP) ** 2
    label = words.plain("lecture.drawing-crops", crop=CROP, full=FULL, positions=count(positions), both=count(2 * positions))
    return Drawing(caption=label, svg=hand_drawn(words.plain("lecture.aria-crops"), 12 + 3 * 184, 166, parts), wide=True)


def _face(x: float, y: float, way: int) -> Iterator[Markup]:
    """A shape that shows whether it is mirrored: a flag."""
    points = " ".join(f"{x + way * dx:.1f},{y + dy:.1f}" for dx, dy in ((-18, -36), (26, -20), (-18, -4)))
    yield Markup('<polygon points="{}" style="fill:var(--accent)"/>').format(points)
    yield rectangle(x - way * 18 - 2, y - 36, 4, 76, "fill:var(--ink)")


def dropout_units(_: str, words: PageWords) -> Drawing:
    """Which units of a layer are kept in three steps, and when the network is used."""
    numbers, parts = random.Random(2012), list[Markup]()  # noqa: S311  # a drawing
    names = [words.plain("lecture.row-step", n=step) for step in (1, 2, 3)] + [words.plain("lecture.row-in-use")]
    for row, name in enumerate(names):
        y = 22 + 34 * row
        parts.append(Markup('<text x="0" y="{}" style="font-size:13px; fill:var(--ink)">{}</text>').format(y + 4, name))
        for unit in range(16):
            kept = row == len(names) - 1 or numbers.random() < 0.5
            style = "fill:var(--series-1)" if kept else "fill:none; stroke:var(--muted); stroke-dasharray:2 2"
            parts.append(Markup('<circle cx="{}" cy="{}" r="9" style="{}"/>').format(104 + 26 * unit, y, style))
    svg = hand_drawn(words.plain("lecture.aria-dropout-units"), 510, 146, parts)
    return Drawing(caption=words.plain("lecture.drawing-dropout-units"), svg=svg, wide=True)


def reach(_: str, words: PageWords) -> Drawing:
    """What one position of the next layer reads: three neighbours, or everything."""
    parts = [*_reading(20, 9, 3, words.plain("lecture.row-convolution")), *_reading(310, 9, 9, words.plain("lecture.row-attention"))]
    svg = hand_drawn(words.plain("lecture.aria-reach"), 570, 150, parts)
    return Drawing(caption=words.plain("lecture.drawing-reach"), svg=svg, wide=True)


def _reading(left: float, n: int, window: int, name: str) -> Iterator[Markup]:
    middle, step = n // 2, 28
    for place in range(n):
        if abs(place - middle) <= window // 2:
            yield Markup('<line x1="{}" y1="98" x2="{}" y2="30" style="stroke:var(--series-4); stroke-width:2"/>').format(
                left + step * place, left + step * middle
            )
    for y, chosen in ((30, middle), (98, -1)):
        for place in range(n):
            fill = "var(--accent)" if place == chosen else "var(--series-1)"
            yield Markup('<circle cx="{}" cy="{}" r="8" style="fill:{}"/>').format(left + step * place, y, fill)
    yield text(left + step * middle, 134, name, "font-size:13px; fill:var(--ink)")
