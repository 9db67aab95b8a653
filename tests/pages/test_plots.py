"""Plots as elements of a page: every colour a variable, text as text, ids of their own, the same bytes each time."""

from xml.etree import ElementTree

import pytest
from markupsafe import Markup
from matplotlib.figure import Figure

from alexnet.pages.palette import COLOURS, SERIES, VARIABLES, SeriesStyle
from alexnet.pages.plots import curves, drawn


def plot(name: str = "one", label: str = "a plot", title: str | None = None) -> Markup:
    """A line with markers that is clipped to its axes, and a legend."""

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
        axes.plot([0, 1, 2], [1, 3, 2], color=SeriesStyle(1).colour, marker="o", label=label)
        axes.set_title(label)
        axes.legend()

    return drawn(name, label, 3.0, 2.0, draw, title=title)


def test_plots_are_drawn_in_light_values_that_all_differ() -> None:
    assert len(VARIABLES) == len(COLOURS)
    assert all(len(value) == 7 for colour in COLOURS for value in (colour.light, colour.dark, colour.printed))


def test_every_colour_becomes_a_variable_of_the_page() -> None:
    svg = ElementTree.fromstring(plot())
    styles = " ".join(element.attrib.get("style", "") for element in svg.iter())
    assert {"var(--ink)", "var(--muted)", "var(--line)", "var(--series-2)"} <= {word.strip(";") for word in styles.split()}
    assert "#" not in styles


def test_series_keep_colour_and_mark_in_plots_and_text_and_begin_again() -> None:
    first, again = SeriesStyle(0), SeriesStyle(len(SERIES))
    assert (first.colour, first.variable) == (again.colour, again.variable)
    assert first.marker != again.marker
    assert (first.marker, first.symbol) == ("o", "●")


def test_markers_and_clip_paths_are_found_under_the_plots_own_ids() -> None:
    for name in ("one", "two"):
        svg = ElementTree.fromstring(plot(name))
        ids = [identity for element in svg.iter() if (identity := element.attrib.get("id"))]
        used = {element.attrib["href"].removeprefix("#") for element in svg.iter("use")}
        clipped = {path[5:-1] for element in svg.iter() if (path := element.attrib.get("clip-path"))}
        assert used
        assert clipped
        assert used | clipped == set(ids)
        assert all(identity.startswith(f"{name}-") for identity in ids)


@pytest.mark.parametrize(
    "label", ["<b>&amp;</b>", "quote \" and '", "$\\frac{1}", "fill: #b3401f", "url(#one)", "\x00\x0b\x1f\ufffe", "猫 🐈"]
)
def test_names_stay_text_whatever_they_hold(label: str) -> None:
    svg = ElementTree.fromstring(plot(label=label, title=label))
    shown = label.translate(dict.fromkeys(map(ord, "\x00\x0b\x1f\ufffe"), "\ufffd"))
    assert [element.text for element in svg.iter("text")].count(shown) == 2
    assert svg[0].tag == "title"
    assert svg.attrib["role"] == "img"
    assert svg.attrib["aria-label"]


def test_the_same_plot_has_the_same_bytes() -> None:
    assert plot() == plot()
    lines = {"training": ([1.0, 2.0], [0.5, 0.25]), "validation": ([1.0, 2.0], [0.6, 0.5])}
    assert curves("loss", "Loss", lines, unit="epoch") == curves("loss", "Loss", lines, unit="epoch")
