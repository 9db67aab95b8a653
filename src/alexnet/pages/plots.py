"""Plots as SVG text and images as data: URIs, to be embedded in an HTML page.

All plots share one style, Matplotlib's own rcParams in STYLE. Text stays text, colours become the page's variables (palette.py, svg.py),
ids start with the plot's name (so several plots on one page do not clash), and the same input produces the same bytes.
Independent of runs and of the page around. Matplotlib's settings are process-wide: draw from one thread at a time.
"""

import base64
import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unicodedata import east_asian_width

import matplotlib
import numpy as np
import torch
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from alexnet.evaluation.metrics import ReliabilityBin
from alexnet.i18n.phrases import ENGLISH, PageWords
from alexnet.i18n.units import finite, short
from alexnet.pages.palette import ACCENT, INK, LINE, MUTED, ON_ACCENT
from alexnet.pages.svg import inline

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # the reader's fonts draw the text
    "text.parse_math": False,  # a class may be called "$5"
    "font.size": 10,
    "text.color": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.borderpad": 0,
    "legend.frameon": False,
    "xtick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.color": LINE,
    "ytick.labelcolor": MUTED,
}
COUNTED_CLASSES = 20  # with more classes, the numbers in the cells are too small to read
MOST_POINTS = 400  # of one curve: more than a screen shows
THUMBNAIL_SIDE = 176  # pixels, the longer side

UNITS = {  # of the horizontal axis: messages for the axis label and for screen readers
    "epoch": ("report.unit_epoch", "report.curve_said_epoch"),
    "step": ("report.unit_step", "report.curve_said_step"),
    "record": ("report.unit_record", "report.curve_said_record"),
}

Series = tuple[list[float], list[float]]


@contextmanager
def _style(name: str) -> Iterator[None]:
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # missing from Matplotlib's fonts, which are not used here
        yield


def drawn(name: str, label: str, width: float, height: float, draw: Callable[[Figure], None], *, title: str | None = None) -> Markup:
    """A figure of width x height inches, drawn by `draw`, as an <svg> element; label: for screen readers, title: the tooltip."""
    with _style(name):
        figure = Figure(figsize=(width, height))
        draw(figure)
        out = io.StringIO()
        figure.savefig(out, format="svg")
    return inline(out.getvalue(), name, label, width * 72, height * 72, title=title)


def finite_points(x: Sequence[Any], y: Sequence[Any]) -> Series:
    """The points with two finite numbers, thinned to MOST_POINTS (the first and the last are kept)."""
    known = [(finite(a), finite(b)) for a, b in zip(x, y, strict=True)]
    pairs = [(a, b) for a, b in known if a is not None and b is not None]
    if len(pairs) > MOST_POINTS:
        pairs = [pairs[i] for i in np.linspace(0, len(pairs) - 1, MOST_POINTS).astype(int)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def curves(name: str, title: str, lines: Mapping[str, Series], *, unit: str, percent: bool = False, words: PageWords = ENGLISH) -> Markup:
    """One or two lines over "epoch", "step" or "record" (`unit`); the last line is in the accent colour.

    title, and the keys of lines: in the page's language. percent: the values are shares, from 0 to 1, and the axis starts at 0.
    """

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.16, 0.17, 0.81, 0.65))
        for i, (label, (x, y)) in enumerate(lines.items()):
            last = i == len(lines) - 1
            style: dict[str, Any] = {"color": ACCENT, "linewidth": 2} if last else {"color": MUTED, "linewidth": 1.5, "linestyle": "--"}
            axes.plot(x, y, label=label, marker="o" if len(x) < 13 else "", markersize=3.5, clip_on=False, **style)
        _style_curves(axes, title, words.plain(UNITS[unit][0]), percent, legend=len(lines) > 1)

    ends = [words.plain("report.curve_ends", label=label, value=_value_text(y[-1], percent)) for label, (_, y) in lines.items()]
    label = words.plain(UNITS[unit][1], title=title, ends=words.plain("report.semicolon").join(ends))
    return drawn(name, label, 4.0, 2.9, draw)


def _value_text(value: float, percent: bool) -> str:
    return f"{100 * value:.1f}%" if percent else f"{value:.3g}"


def _style_curves(axes: Axes, title: str, unit: str, percent: bool, legend: bool) -> None:
    axes.set_title(title, pad=24)
    axes.set_xlabel(unit)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.grid(axis="y")
    if percent:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None, symbol="%"))
    if legend:
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 0.98), ncols=2, handlelength=1.8)


def heat_map(name: str, confusion: NDArray[np.int64], classes: Sequence[str], words: PageWords = ENGLISH) -> Markup:
    """The confusion matrix: rows are true classes, columns predicted ones.

    Correct predictions, on the diagonal, are gray; wrong ones have the accent colour, relative to the worst cell. Counts are printed for up
    to COUNTED_CLASSES classes.
    """
    labels = [short(c) for c in classes]
    cell, margin = (0.36 if len(labels) <= COUNTED_CLASSES else 0.24), 0.35 + 0.08 * max(map(_columns, labels))
    side = margin + cell * max(len(labels), 4) + 0.1

    def draw(figure: Figure) -> None:
        share = cell * len(labels) / side
        axes = figure.add_axes((margin / side, 1 - margin / side - share, share, share))
        _draw_cells(axes, confusion)
        _style_heat_map(axes, labels, words)

    right = float(np.trace(confusion) / max(int(confusion.sum()), 1))
    return drawn(name, words.plain("report.map_said", n=len(labels), right=f"{100 * right:.1f}%"), side, side, draw)


def _columns(label: str) -> int:
    """The width of a label in Latin letters; a Chinese character is as wide as two."""
    return sum(2 if east_asian_width(letter) in {"W", "F"} else 1 for letter in label)


def _draw_cells(axes: Axes, counts: NDArray[np.int64]) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    wrong = shares - np.diag(np.diag(shares))
    strength = (wrong / max(float(wrong.max(initial=0)), 1e-12)) ** 0.7  # below 1: small confusions stay visible
    for (row, column), n in np.ndenumerate(counts):
        right = row == column
        alpha = 0.08 + 0.22 * float(shares[row, column]) if right else 0.9 * float(strength[row, column])
        if n or right:
            cell = Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, facecolor=INK if right else ACCENT, alpha=alpha, linewidth=0)
            axes.add_patch(cell)
        if n and len(counts) <= COUNTED_CLASSES:
            colour = ON_ACCENT if not right and alpha > 0.55 else INK
            axes.text(column, row, f"{n}", ha="center", va="center", fontsize=10 if n < 1000 else 8, color=colour)


def _style_heat_map(axes: Axes, labels: Sequence[str], words: PageWords) -> None:
    places, predicted, truth = range(len(labels)), words.plain("report.head_said"), words.plain("report.head_is")
    axes.set(xlim=(-0.5, len(labels) - 0.5), ylim=(len(labels) - 0.5, -0.5), xlabel=predicted, ylabel=truth)
    axes.set_xticks(places, labels, rotation=90)
    axes.set_yticks(places, labels)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.tick_params(length=0, labelsize=10, labelcolor=INK)
    axes.spines[:].set_visible(False)


def reliability(name: str, bins: Sequence[ReliabilityBin], words: PageWords = ENGLISH) -> Markup:
    """The reliability diagram: accuracy over confidence. A dot's area is its share of the images; empty bins are left out."""
    filled = [(each.confidence, each.accuracy, each.n) for each in bins if each.confidence is not None and each.accuracy is not None]
    total = max(sum(n for _, _, n in filled), 1)

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.17, 0.15, 0.76, 0.81))
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
        x, y = [confidence for confidence, _, _ in filled], [accuracy for _, accuracy, _ in filled]
        axes.plot(x, y, color=ACCENT, linewidth=1.5)
        sizes = [12 + 240 * n / total for _, _, n in filled]
        axes.scatter(x, y, s=sizes, color=ACCENT, alpha=0.75, linewidths=0, clip_on=False)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=words.plain("report.axis_sure"), ylabel=words.plain("report.axis_right"))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.grid()

    each = [words.plain("report.reliability_bin", sure=f"{100 * sure:.0f}%", right=f"{100 * right:.0f}%") for sure, right, _ in filled]
    label = words.plain("report.reliability_said", bins=words.plain("report.semicolon").join(each))
    return drawn(name, label, 4.5, 4.2, draw)


def data_uri(pixels: Tensor) -> str:
    """An image, uint8 (3, H, W) or (1, H, W), as a data: URI, shrunk to THUMBNAIL_SIDE. Small images are stored exactly (PNG)."""
    image = Image.fromarray(pixels.detach().cpu().expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy())
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    form = "png" if max(image.size) <= 64 else "jpeg"
    out = io.BytesIO()
    image.save(out, form, quality=82, optimize=True)
    return f"data:image/{form};base64,{base64.b64encode(out.getvalue()).decode()}"


def filter_images(filters: Tensor, most: int = 256) -> list[str]:
    """First-layer filters, float (maps, channels, k, k), as data: URIs: zero is mid gray, each filter's largest weight black or white.

    Three channels are shown in colour, one in gray, any other number as its mean.
    """
    weights = torch.nan_to_num(filters.detach().cpu().float()[:most], nan=0.0, posinf=0.0, neginf=0.0)
    if weights.shape[1] not in {1, 3}:
        weights = weights.mean(dim=1, keepdim=True)
    largest = weights.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)
    shown = (127.5 + 127.5 * weights / largest).round().clamp(0, 255).to(torch.uint8)
    return [data_uri(one) for one in shown]
