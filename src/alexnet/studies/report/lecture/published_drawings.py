"""Drawings of published figures, and of single measurements that the package brings along."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from alexnet.i18n.phrases import PageWords
from alexnet.i18n.units import count, percent
from alexnet.pages.palette import ACCENT, INK, SERIES
from alexnet.pages.plots import drawn
from alexnet.studies.measurements import Measured, shipped_results
from alexnet.studies.report.lecture.drawing import Bar, Drawing, linear, logarithmic

IMAGES = (("CIFAR-10", 50_000), ("MNIST", 60_000), ("ImageNet, ILSVRC", 1_281_167), ("ImageNet", 14_197_122))
WINNERS = (  # year, entry, top-5 error; the first two are systems of designed features
    (2010, "NEC-UIUC", 0.282),
    (2011, "XRCE", 0.258),
    (2012, "AlexNet", 0.164),
    (2013, "Clarifai", 0.117),
    (2014, "GoogLeNet", 0.067),
    (2015, "ResNet", 0.0357),
    (2016, "Trimps-Soushen", 0.0299),
    (2017, "SENet", 0.0225),
)
FIRST_NETWORK = 2012
RUNS = (  # of the authors' program: what is left out, its number, points of top-1 and top-5 error more
    ("norm", "148", 1.37, 1.15),
    ("overlap", "147", 0.39, 0.30),
    ("towers", "145-half", 1.70, 1.23),
    ("views", "145-2010", 1.55, 1.30),
)
DECADES = (1970, 1980, 1990, 2000, 2010, 2020)
GROWTH = {  # the book's table: examples, bytes of memory, FLOP/s
    "examples": (1e2, 1e3, 1e4, 1e7, 1e10, 1e12),
    "memory": (1e3, 1e5, 1e7, 1e8, 1e9, 1e11),
    "speed": (1e5, 1e6, 1e7, 1e9, 1e12, 1e15),
}


def data_sets(_: str, words: PageWords) -> Drawing:
    """How many labelled images the data sets have."""
    lengths = logarithmic([n for _, n in IMAGES])
    bars = [Bar(label=name, share=share, value=count(n)) for (name, n), share in zip(IMAGES, lengths, strict=True)]
    return Drawing(caption=words.plain("lecture.drawing-data-sets"), bars=bars)


def winners(_: str, words: PageWords) -> Drawing:
    """The winning top-5 error of each year of the competition."""
    lengths = linear([error for *_, error in WINNERS])
    bars = [
        Bar(label=f"{year}, {name}", share=share, value=percent(error), place=0 if year < FIRST_NETWORK else 3)
        for (year, name, error), share in zip(WINNERS, lengths, strict=True)
    ]
    return Drawing(caption=words.plain("lecture.drawing-winners"), bars=bars)


def program_runs(_: str, words: PageWords) -> Drawing:
    """What leaving one thing out cost the authors of 2012."""
    lengths = linear([points for _, _, points, _ in RUNS])
    bars = [
        Bar(
            label=words.plain(f"lecture.row-run-{name}", run=run),
            share=share,
            value=words.plain("study.points", points=f"+{top1:.2f}"),
            note=words.plain("lecture.note-top-5", points=f"+{top5:.2f}"),
        )
        for (name, run, top1, top5), share in zip(RUNS, lengths, strict=True)
    ]
    return Drawing(caption=words.plain("lecture.drawing-program-runs"), bars=bars)


def decades(name: str, words: PageWords) -> Drawing:
    """How data, memory and speed grew, as multiples of 1970."""

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.2, 0.17, 0.77, 0.66))
        for (quantity, values), colour, marker in zip(GROWTH.items(), (ACCENT, SERIES[0].light, INK), ("o", "s", "^"), strict=True):
            label = words.plain(f"lecture.line-{quantity}")
            axes.plot(DECADES, [value / values[0] for value in values], label=label, color=colour, marker=marker, markersize=5)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.number(value)))
        axes.set_ylabel(words.plain("lecture.axis-times-1970"))
        axes.set_xticks(DECADES)
        axes.grid(axis="y")
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3)

    return Drawing(caption=words.plain("lecture.drawing-decades"), svg=drawn(name, words.plain("lecture.aria-decades"), 5.4, 3.0, draw))


def systems(_: str, words: PageWords) -> Drawing:
    """Hand-crafted systems on the same images, by their features."""
    found = shipped_results()["systems"]
    lengths = linear([one.value for one in found])
    bars = [
        Bar(label=words.plain(f"lecture.row-{one.name}"), share=share, value=percent(one.value), note=_interval(one, words))
        for one, share in zip(found, lengths, strict=True)
    ]
    return Drawing(caption=words.plain("lecture.drawing-systems", n=count(found[0].n)), bars=bars, command=_commands(found))


def known_causes(_: str, words: PageWords) -> Drawing:
    """How much of each map lies on the mark that decides the class; beside it an untrained network."""
    found = shipped_results()["known-causes"]
    bars = []
    for one in found:
        name = words.plain(f"lecture.row-{one.name}")
        bars.append(Bar(label=name, share=one.value, value=f"{one.value:.2f}", place=3))
        if one.control is not None:
            label = words.plain("lecture.row-control", method=name)
            bars.append(Bar(label=label, share=one.control, value=f"{one.control:.2f}", place=5))
    return Drawing(caption=words.plain("lecture.drawing-known-causes", n=count(found[0].n)), bars=bars)


def _interval(one: Measured, words: PageWords) -> str:
    return "" if one.interval is None else words.between(*one.interval)


def _commands(found: Sequence[Measured]) -> str:
    return "\n".join(dict.fromkeys(one.command for one in found))
