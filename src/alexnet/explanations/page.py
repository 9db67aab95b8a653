"""The page of an explanation: one HTML file that opens anywhere, offline. Computes nothing: all values come from explanation.json.

Its layout is in pages/templates/explain.html.j2 and explain/, its text in messages/explain.toml.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jinja2 import UndefinedError
from markupsafe import Markup

from alexnet.errors import BadRun
from alexnet.explanations.place_names import place_in_words
from alexnet.explanations.record import Explained
from alexnet.i18n.phrases import PageWords
from alexnet.i18n.places import without_home
from alexnet.i18n.translate import Lang
from alexnet.pages.article import ShownSection
from alexnet.pages.html import rendered
from alexnet.pages.palette import ACCENT, MUTED
from alexnet.pages.plots import drawn

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def explanation_page(record: Explained, lang: Lang = "en") -> str:
    """The whole page as HTML; raises BadRun if the record lacks what the page shows."""
    words = PageWords(lang)
    try:
        return rendered("explain.html.j2", lang, view=record, sections=list(_sections(record, words)))
    except (UndefinedError, KeyError, TypeError, ValueError) as error:
        raise BadRun(f"The explanation of {record.run} is damaged ({error}). Explain it again: alexnet explain {record.run}") from None


def _sections(record: Explained, words: PageWords) -> Iterator[ShownSection]:
    for part in record.parts:
        if part.error is None:
            view = {**part.values, **_plots(part.name, part.values, words), **_places(part.name, part.values, words)}
            yield _section(part.name, words, view)
    left_out = [part for part in record.parts if part.error is not None]
    if left_out:
        yield _section("left-out", words, [(words.plain(f"explain.title_{part.name}"), without_home(part.error)) for part in left_out])


def _section(name: str, words: PageWords, view: object) -> ShownSection:
    key = name.replace("-", "_")
    return ShownSection(
        anchor=name,
        title=words.plain(f"explain.title_{key}"),
        short_title=words.plain(f"explain.contents_{key}"),
        template=f"explain/{name}.html.j2",
        view=view,
    )


def _plots(name: str, values: Mapping[str, Any], words: PageWords) -> dict[str, Markup]:
    if name != "layers":
        return {}
    return {"curve": probe_curve(values["probes"], float(values["chance"]), words)}


def _places(name: str, values: Mapping[str, Any], words: PageWords) -> dict[str, dict[str, str]]:
    """Where the parts of an image are, in words, by their names."""
    if name != "cells":
        return {}
    names = {str(part["part"]) for image in values["images"] for part in image["parts"]}
    return {"where": {name: place_in_words(name, words) for name in names}}


def probe_curve(probes: Sequence[Mapping[str, Any]], chance: float, words: PageWords) -> Markup:
    """The accuracy of the linear probes over the layers, with and without training, with 95% intervals."""
    layers = [str(probe["layer"]) for probe in probes]
    series = {
        words.plain("explain.probe_untrained"): [probe["untrained"] for probe in probes],
        words.plain("explain.probe_trained"): list(probes),
    }

    def draw(figure: "Figure") -> None:
        axes = figure.add_axes((0.1, 0.16, 0.87, 0.68))
        for (label, points), colour, marker in zip(series.items(), (MUTED, ACCENT), ("s", "o"), strict=True):
            heights = [100 * float(point["accuracy"]) for point in points]
            below = [height - 100 * float(point["interval"][0]) for height, point in zip(heights, points, strict=True)]
            above = [100 * float(point["interval"][1]) - height for height, point in zip(heights, points, strict=True)]
            error = [[max(0.0, one) for one in side] for side in (below, above)]
            axes.errorbar(range(len(layers)), heights, yerr=error, label=label, color=colour, marker=marker, markersize=4, capsize=2)
        axes.axhline(100 * chance, color=MUTED, linestyle=":", linewidth=1)
        axes.set_xticks(range(len(layers)), layers)
        axes.set_ylim(0, 102)
        axes.set_ylabel("%")
        axes.grid(axis="y")
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2)

    ends = "; ".join(f"{probe['layer']} {100 * float(probe['accuracy']):.0f}%" for probe in probes)
    return drawn("probes", words.plain("explain.probe_aria", ends=ends), 6.4, 3.2, draw)
