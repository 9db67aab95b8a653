"""The colours and markers of all pages and plots, in one place. Independent of what is drawn.

A colour is a CSS variable with a value for light pages, dark pages and paper. Plots are drawn in the light values, which are all
different; `pages.svg` then replaces them by the variables, so that one plot serves all three.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Colour:
    """A CSS variable of the pages, and its values as #rrggbb."""

    name: str
    light: str
    dark: str
    printed: str

    @property
    def variable(self) -> str:
        """The CSS expression, such as "var(--ink)"."""
        return f"var(--{self.name})"


COLOURS = (
    #      name          light      dark       printed
    Colour("paper", "#fdfdfb", "#17181a", "#ffffff"),
    Colour("ink", "#1d1f21", "#e8e6e1", "#000000"),
    Colour("muted", "#666b70", "#a0a3a6", "#555555"),
    Colour("line", "#dcdcd6", "#383a3d", "#cccccc"),
    Colour("soft", "#f3f3ee", "#212326", "#f3f3f3"),
    Colour("accent", "#b3401f", "#f0875f", "#a33a1b"),
    Colour("on-accent", "#ffffff", "#17181a", "#ffffff"),
    Colour("series-1", "#1f6f8b", "#6fc3df", "#1f6f8b"),
    Colour("series-2", "#5d7a12", "#b4d455", "#5d7a12"),
    Colour("series-3", "#8a4f9e", "#cf9fe0", "#8a4f9e"),
    Colour("series-4", "#b3411f", "#f0875f", "#b3411f"),
    Colour("series-5", "#a06a00", "#e6b450", "#a06a00"),
    Colour("series-6", "#4d5560", "#b3bcc6", "#4d5560"),
    Colour("holds", "#2d6a1f", "#8fd17a", "#2d6a1f"),
    Colour("same", "#1f5f8b", "#7fc0e8", "#1f5f8b"),
    Colour("unshown", "#6b5b00", "#e0c95a", "#6b5b00"),
    Colour("reversed", "#a8321a", "#ff8f73", "#a8321a"),
)
VARIABLES = {colour.light: colour.variable for colour in COLOURS}
BY_NAME = {colour.name: colour.light for colour in COLOURS}
INK, MUTED, LINE, ACCENT, ON_ACCENT = (BY_NAME[name] for name in ("ink", "muted", "line", "accent", "on-accent"))
SERIES = tuple(colour for colour in COLOURS if colour.name.startswith("series-"))
MARKERS = (  # Matplotlib's name, and a similar character for text
    ("o", "●"), ("s", "■"), ("^", "▲"), ("D", "◆"), ("v", "▼"), ("P", "✚"), ("X", "✖"), ("*", "★"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SeriesStyle:
    """The colour and marker of the series at one position of a list, in plots and text; they repeat after the last."""

    place: int

    @property
    def colour(self) -> str:
        """Its colour in plots, as #rrggbb."""
        return SERIES[self.place % len(SERIES)].light

    @property
    def variable(self) -> str:
        """Its colour in the page's text, as "var(--series-1)"."""
        return SERIES[self.place % len(SERIES)].variable

    @property
    def marker(self) -> str:
        """Its marker in plots."""
        return MARKERS[self.place % len(MARKERS)][0]

    @property
    def symbol(self) -> str:
        """Its marker in the page's text."""
        return MARKERS[self.place % len(MARKERS)][1]
