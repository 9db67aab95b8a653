"""The plots of a study: intervals in a row, training curves with bands, cost against error, a number of each layer. Numbers in, SVG out.

An arm keeps its colour and marker in all plots of its claim.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from alexnet.evaluation.seed_ratio import LARGEST_RATIO
from alexnet.i18n.units import finite, percent, readable
from alexnet.pages.palette import SeriesStyle
from alexnet.pages.plots import drawn
from alexnet.studies.claim import RATIOS, Measure
from alexnet.studies.findings import Effect
from alexnet.studies.report.phrases import StudyWords, factor

WIDTH = 4.6  # inches of a plot
MOST_PLACES = 40  # points drawn per curve: more would not be visible
WIDE_COST = 20.0  # times the seconds of the fastest arm, beyond which the axis is logarithmic
OPEN = 0.999 * math.log(LARGEST_RATIO)  # unbounded interval ends do not stretch the axis
MARK_WIDTH, MARK_HEIGHT, MARK_MARGIN = 150, 16, 6  # px of an interval in a row


@dataclass(frozen=True, slots=True)
class Band:
    """One error of one arm over epochs: mean, lowest and highest over the seeds. place: index of its colour and marker."""

    name: str
    place: int
    validation: bool
    epochs: Sequence[float]
    mean: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True, slots=True)
class CostDot:
    """One arm: seconds of training, error, its interval (None: unknown)."""

    name: str
    place: int
    seconds: float
    error: float
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class LayerLine:
    """A positive number for each layer of one arm."""

    name: str
    place: int
    values: Mapping[str, float]


def band(name: str, place: int, curves: Sequence[Sequence[Mapping[str, Any]]], *, validation: bool) -> Band | None:
    """The curves of all seeds as one band; None if no row has a number. Seeds that ended early count up to their end."""
    key = "validation_error" if validation else "training_error"
    found: dict[float, list[float]] = {}
    for row in (row for curve in curves for row in curve):
        epoch, error = finite(row.get("epoch")), finite(row.get(key))
        if epoch is not None and error is not None:
            found.setdefault(round(epoch, 3), []).append(error)
    if not found:
        return None
    epochs = sorted(found)
    if len(epochs) > MOST_PLACES:
        epochs = [epochs[round(place * (len(epochs) - 1) / (MOST_PLACES - 1))] for place in range(MOST_PLACES)]
    values = [found[epoch] for epoch in epochs]
    return Band(name, place, validation, epochs, [sum(v) / len(v) for v in values], [min(v) for v in values], [max(v) for v in values])


def training_curves(name: str, bands: Sequence[Band], words: StudyWords) -> Markup:
    """Error against epochs: training solid, validation dashed, each with its band."""
    title = words.plain("study.plot_curves")

    def dress(axes: Axes) -> None:
        for one in bands:
            _draw_band(axes, one)
        axes.set_xlabel(words.plain("study.axis_epoch"))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
        axes.set_ylim(bottom=0)

    label = words.plain("study.curves_said", title=title, arms=words.plain("report.semicolon").join(_ends(bands, words)))
    return _plot(name, title, label, 3.1, dress)


def _ends(bands: Sequence[Band], words: StudyWords) -> list[str]:
    ends: dict[str, dict[str, str]] = {}
    for one in bands:
        ends.setdefault(one.name, {})["validation" if one.validation else "training"] = percent(one.mean[-1])
    missing = {"training": percent(None), "validation": percent(None)}
    return [words.plain("study.curve_ends", arm=arm, **(missing | found)) for arm, found in ends.items()]


def _draw_band(axes: Axes, one: Band) -> None:
    series = SeriesStyle(one.place)
    marker = "" if one.validation else series.marker
    style: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 1.1} if one.validation else {"linewidth": 1.7}
    if any(low < high for low, high in zip(one.low, one.high, strict=True)):
        axes.fill_between(one.epochs, one.low, one.high, color=series.colour, alpha=0.1 if one.validation else 0.2, linewidth=0)
    every = max(1, len(one.epochs) // 6)
    axes.plot(one.epochs, one.mean, color=series.colour, marker=marker, markersize=4.5, markevery=(one.place % every, every), **style)


def cost_against_error(name: str, dots: Sequence[CostDot], words: StudyWords) -> Markup:
    """One dot per arm: its error, with the interval, against its seconds of training."""
    title = words.plain("study.plot_cost")

    def dress(axes: Axes) -> None:
        for dot in dots:
            series = SeriesStyle(dot.place)
            if dot.interval is not None:
                axes.vlines([dot.seconds], *dot.interval, color=series.colour, linewidth=1.4)
            axes.plot([dot.seconds], [dot.error], color=series.colour, marker=series.marker, markersize=7, linestyle="")
        _dress_cost(axes, [dot.seconds for dot in dots])
        axes.set_xlabel(words.plain("study.axis_training_seconds"))
        axes.margins(y=0.15)

    each = [words.plain("study.dot_cost", arm=dot.name, error=percent(dot.error), seconds=words.duration(dot.seconds)) for dot in dots]
    label = words.plain("study.curves_said", title=title, arms=words.plain("report.semicolon").join(each))
    return _plot(name, title, label, 3.1, dress)


def _dress_cost(axes: Axes, seconds: Sequence[float]) -> None:
    if min(seconds) > 0 and max(seconds) > WIDE_COST * min(seconds):
        _dress_log(axes)
        axes.set_xlim(min(seconds) / 1.5, max(seconds) * 1.5)
    else:
        axes.set_xlim(0, 1.1 * max(seconds) or 1)
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def _dress_log(axes: Axes) -> None:
    """A logarithmic axis with at least two tick labels."""
    axes.set_xscale("log")
    least, most = axes.get_xlim()
    narrow = most < 50 * least
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,), numticks=9 if narrow else 6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("e-0", "e-").replace("e+0", "e+")))
    axes.xaxis.set_minor_formatter(NullFormatter())


def layer_numbers(name: str, title: str, lines: Sequence[LayerLine], words: StudyWords, *, shares: bool = False) -> Markup:
    """A number per layer and arm on a logarithmic axis, or a share on a linear one; the layer nearest the input is at the top."""
    layers = list(dict.fromkeys(layer for line in lines for layer in line.values))

    def dress(axes: Axes) -> None:
        for line in lines:
            series = SeriesStyle(line.place)
            places = [layers.index(layer) for layer in line.values]
            axes.plot(list(line.values.values()), places, color=series.colour, marker=series.marker, markersize=5, linewidth=1)
        if shares:
            axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}%"))
        else:
            _dress_log(axes)
        axes.set_ylim(len(layers) - 0.5, -0.5)
        axes.set_yticks(range(len(layers)), [readable(layer) for layer in layers])

    comma = words.plain("report.counted_comma")
    each = [
        words.plain(
            "study.arm_layers",
            arm=line.name,
            layers=comma.join(f"{layer} {percent(value) if shares else f'{value:.2g}'}" for layer, value in line.values.items()),
        )
        for line in lines
    ]
    label = words.plain("study.layers_said", title=title, arms=words.plain("report.semicolon").join(each))
    return _plot(name, title, label, 1.0 + 0.24 * max(4, len(layers)), dress, percents=False)


def _plot(name: str, title: str, label: str, height: float, dress: Callable[[Axes], None], *, percents: bool = True) -> Markup:
    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.13, 0.5 / height, 0.84, 1 - 0.85 / height))
        axes.set_title(title, pad=8)
        dress(axes)
        if percents:
            axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}%"))
        axes.grid(axis="y" if percents else "both")

    return drawn(name, label, WIDTH, height, draw, title=title)


def reach(effects: Sequence[Effect]) -> float:
    """Half the length of an axis, centred at no effect, that holds all these intervals: a share of error, or the logarithm of a factor."""
    ends = [abs(_along(value, effect)) for effect in effects for value in (effect.difference, *effect.interval)]
    return max((end for end in ends if end < OPEN), default=0.0) or 0.01


def _along(value: float, effect: Effect) -> float:
    """The position of a value on the axis: 0 is no effect."""
    if not effect.is_ratio:
        return value
    return math.log(value) if value > 0 else -math.inf


def interval_mark(effect: Effect, half: float, words: StudyWords) -> Markup:
    """The effect as a dot with its interval, in the colour of the surrounding text; `half` is the distance from no effect to an edge."""
    label = words.plain("study.effect_aria", difference=words.difference(effect), interval=words.interval(effect))
    middle = MARK_WIDTH / 2

    def place(value: float) -> str:
        along = _along(value, effect) / half
        return f"{middle + (middle - MARK_MARGIN) * max(-1.0, min(1.0, along if not math.isnan(along) else 0.0)):.1f}"

    low, high = map(place, effect.interval)
    return Markup(
        '<svg class="interval" viewBox="0 0 {w} {h}" role="img" aria-label="{label}"><title>{label}</title>'
        '<path class="axis" d="M0 {y}H{w}M{m} 0V{h}"/><path class="whisker" d="M{low} {y}H{high}"/>'
        '<circle cx="{at}" cy="{y}" r="4"/></svg>'
    ).format(
        w=MARK_WIDTH, h=MARK_HEIGHT, y=MARK_HEIGHT // 2, m=MARK_WIDTH // 2, low=low, high=high, at=place(effect.difference), label=label
    )


def reach_in_words(half: float, measure: Measure) -> str:
    """The half axis as a number: points of error, or a factor."""
    return factor(math.exp(half)) if measure in RATIOS else f"{100 * half:.2g}"
