"""The plots of a comparison: error against images per class, and error against training time. Numbers in, SVG out.

A system keeps its colour and marker in all plots of a page; hand-crafted systems are dashed, frozen features dotted, pretrained ones both,
networks solid, so that colour alone carries no information.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator, PercentFormatter

from alexnet.i18n.phrases import ENGLISH, PageWords
from alexnet.i18n.units import percent
from alexnet.pages.palette import SeriesStyle
from alexnet.pages.plots import drawn

STYLES = {"hand-crafted": "--", "pretrained": "-.", "network": "-", "frozen": ":"}
DODGE = 0.025  # of an amount: curves are shifted by this share so that their intervals do not overlap
ROUND_SECONDS = (1, 3, 10, 30, 60, 180, 600, 1_800, 3_600, 10_800, 36_000, 86_400)


@dataclass(frozen=True, slots=True)
class Dot:
    """A system at one share of the training images: images per class (or seconds), its error and the interval of the error."""

    x: float
    error: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Line:
    """A system's dots in ascending order. kind: the name of its kind. place: index of its colour and marker."""

    name: str
    kind: str
    place: int
    dots: Sequence[Dot]

    @property
    def style(self) -> SeriesStyle:
        """Its colour and marker."""
        return SeriesStyle(self.place)


def learning_curves(name: str, lines: Sequence[Line], words: PageWords = ENGLISH) -> Markup:
    """Error against images per class, log x, with 95% intervals."""

    def dress(axes: Axes) -> None:
        least, most = axes.get_xlim()
        ticks = _apart(sorted({dot.x for line in lines for dot in line.dots}), math.log(most / least), 0.08)
        axes.set_xticks(ticks, [words.number(round(tick) if tick >= 10 else tick) for tick in ticks])
        axes.set_xlabel(words.plain("compare.axis_amounts"))

    label = _label(words.plain("compare.plot_amounts"), lines, "compare.dot_amount", words)
    return _plot(name, words.plain("compare.plot_amounts"), lines, dress, label, whiskers=True)


def times(name: str, lines: Sequence[Line], words: PageWords = ENGLISH) -> Markup:
    """Error against training time, log x; each line runs from the smallest share of the training images to the largest."""

    def dress(axes: Axes) -> None:
        least, most = axes.get_xlim()
        ticks = _apart([tick for tick in ROUND_SECONDS if least <= tick <= most], math.log(most / least), 0.13)
        if len(ticks) < 2:
            seconds = [dot.x for line in lines for dot in line.dots]
            ticks = sorted({min(seconds), max(seconds)})
        axes.set_xticks(ticks, [words.duration(tick).replace(".0 ", " ") for tick in ticks])
        axes.set_xlabel(words.plain("compare.axis_times"))

    label = _label(words.plain("compare.plot_times"), lines, "compare.dot_time", words)
    return _plot(name, words.plain("compare.plot_times"), lines, dress, label, whiskers=False)


def _label(title: str, lines: Sequence[Line], of_dot: str, words: PageWords) -> str:
    """The plot in words, for screen readers."""
    comma = words.plain("report.counted_comma")
    parts = [
        f"{line.name} " + comma.join(words.plain(of_dot, error=percent(dot.error), n=words.number(round(dot.x, 1))) for dot in line.dots)
        for line in lines
    ]
    return words.plain("compare.plot_said", title=title, lines=words.plain("report.semicolon").join(parts))


def _plot(name: str, title: str, lines: Sequence[Line], dress: Callable[[Axes], None], label: str, *, whiskers: bool) -> Markup:
    rows = -(-len(lines) // 2)
    height = 3.3 + 0.22 * rows

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.13, 0.55 / height, 0.84, 2.25 / height))
        axes.set_xscale("log")
        for place, line in enumerate(lines):
            _draw_line(axes, line, 1 + DODGE * (place - (len(lines) - 1) / 2) if whiskers else 1.0, whiskers)
        _dress(axes, title, rows)
        dress(axes)
        axes.xaxis.set_minor_locator(NullLocator())

    return drawn(name, label, 4.6, height, draw)


def _draw_line(axes: Axes, line: Line, shift: float, whiskers: bool) -> None:
    x, y = [dot.x * shift for dot in line.dots], [dot.error for dot in line.dots]
    colour, marker, stroke = line.style.colour, line.style.marker, STYLES[line.kind]
    axes.plot(x, y, color=colour, marker=marker, linestyle=stroke, label=line.name, linewidth=1.6, markersize=5, clip_on=False)
    if whiskers:
        axes.vlines(x, [dot.low for dot in line.dots], [dot.high for dot in line.dots], color=colour, linewidth=1.2)


def _dress(axes: Axes, title: str, rows: int) -> None:
    axes.set_title(title, pad=12 + 15.5 * rows)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None, symbol="%"))
    axes.grid(axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.13, 1.0), ncols=2, handlelength=2.6, columnspacing=1.2)


def _apart(places: Sequence[float], span: float, share: float) -> list[float]:
    """The ascending places at least `share` of a log axis of that span apart, so that their labels do not overlap."""
    kept: list[float] = []
    for place in places:
        if not kept or math.log(place / kept[-1]) >= share * span:
            kept.append(place)
    return kept
