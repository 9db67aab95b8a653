"""A drawing on the lecture's page: bars that are text too, or an SVG. Independent of what it shows."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from alexnet.i18n.phrases import PageWords
from alexnet.pages.palette import SeriesStyle

LEAST_BAR = 0.02  # share of the longest bar: still visible


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """A row of bars. share: of the longest, 0 to 1. value: as text. place: which series' colour. note: after the value."""

    label: str
    share: float
    value: str
    place: int = 0
    note: str = ""

    @property
    def width(self) -> str:
        """The bar's length as a CSS percentage."""
        return f"{100 * min(1.0, max(LEAST_BAR if self.share > 0 else 0.0, self.share)):.1f}%"

    @property
    def colour(self) -> str:
        """Its CSS colour."""
        return SeriesStyle(self.place).variable


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """A drawing with its caption. bars, or svg; wide: too wide for a phone; command: what repeats the measurement that it shows."""

    caption: str
    bars: Sequence[Bar] = ()
    svg: Markup | None = None
    wide: bool = False
    command: str = ""


Draw = Callable[[str, PageWords], Drawing]  # an id that is unique on the page, and the language


def linear(values: Sequence[float]) -> list[float]:
    """Shares of the largest."""
    largest = max(values, default=0.0) or 1.0
    return [value / largest for value in values]


def logarithmic(values: Sequence[float]) -> list[float]:
    """Shares of positive values on a logarithmic axis that begins at half of the smallest."""
    start = min(values) / 2
    return [math.log(value / start) / math.log(max(values) / start) for value in values]


def hand_drawn(label: str, width: int, height: int, parts: Sequence[Markup]) -> Markup:
    """An <svg> of these elements in CSS pixels; label: for screen readers."""
    head = Markup('<svg viewBox="0 0 {w} {h}" role="img" aria-label="{label}" style="--natural:{w}px"><title>{label}</title>')
    return head.format(w=width, h=height, label=label) + Markup().join(parts) + Markup("</svg>")


def rectangle(x: float, y: float, width: float, height: float, style: str) -> Markup:
    """A rectangle with a CSS style."""
    return Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" style="{}"/>').format(x, y, width, height, style)


def text(x: float, y: float, words: object, style: str = "") -> Markup:
    """Centred text of 12 px."""
    return Markup('<text x="{:.1f}" y="{:.1f}" style="font-size:12px; text-anchor:middle; fill:var(--muted); {}">{}</text>').format(
        x, y, style, words
    )
