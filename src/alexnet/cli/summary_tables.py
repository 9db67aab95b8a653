"""The tables of `alexnet summary`: the layers of networks, their figures side by side, and what differs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from alexnet.cli.tables import new_table
from alexnet.i18n.translate import Lang, say

if TYPE_CHECKING:
    from alexnet.models.networks.architecture import Architecture
    from alexnet.models.summary import Summary

MEGA = 1e6
OF_LAYERS = ("summary.head_layer", "summary.head_kind", "summary.head_output", "summary.head_parameters", "summary.head_macs")
OF_NETWORKS = (
    "summary.head_model", "summary.head_input", "summary.head_classes", "summary.head_parameters", "summary.head_macs_per_image",
    "summary.head_weights", "summary.head_training",
)  # fmt: skip
OF_TITLES = ("summary.head_model", "summary.head_title")


def summary_tables(
    summaries: "Sequence[Summary]", differing: Sequence[tuple[str, list[str]]], detailed: bool, lang: Lang = "en"
) -> list[Table | str]:
    """One line per network and their titles; or, in detail, the layers of each network and what differs between them."""
    overview = _overview(summaries, lang)
    if not detailed:
        return [overview, "", _titles(summaries, lang)]
    parts: list[Table | str] = [part for one in summaries for part in (_layers(one, lang), "")]
    return [*parts, overview, "", _differences(summaries, differing, lang)] if differing else [*parts, overview]


def _heads(names: Sequence[str], lang: Lang) -> list[str]:
    return [say(name, lang) for name in names]


def _layers(summary: "Summary", lang: Lang) -> Table:
    size = f"{summary.channels} x {summary.image_size} x {summary.image_size}"
    title = say("summary.network", lang, network=summary.architecture.name, size=size, classes=f"{summary.classes:,}")
    heads = _heads(OF_LAYERS, lang)
    table = new_table(*heads, numbers=heads[3:], title=title)
    for layer in summary.layers:
        kind = say(f"summary.kind_{layer.kind.replace(' ', '_')}", lang)
        output = " x ".join(map(str, layer.output))
        table.add_row(layer.name, kind, output, _count(layer.parameters), _count(layer.macs))
    table.add_section()
    table.add_row(say("summary.total", lang), "", "", f"{summary.parameters:,}", f"{summary.macs:,}")
    if summary.trainable_parameters != summary.parameters:
        table.add_row(say("summary.trainable", lang), "", "", f"{summary.trainable_parameters:,}", "")
    return table


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _overview(summaries: "Sequence[Summary]", lang: Lang) -> Table:
    """One line per network, in 80 columns."""
    heads = _heads(OF_NETWORKS, lang)
    table = new_table(*heads, numbers=heads[2:])
    for one in summaries:
        size = f"{one.channels}x{one.image_size}"
        memory = (f"{one.weight_bytes / MEGA:,.1f}", f"{one.training_bytes / MEGA:,.1f}")
        table.add_row(one.architecture.name, size, f"{one.classes:,}", f"{one.parameters:,}", f"{one.macs:,}", *memory)
    return table


def _titles(summaries: "Sequence[Summary]", lang: Lang) -> Table:
    table = new_table(*_heads(OF_TITLES, lang))
    for one in summaries:
        table.add_row(one.architecture.name, _title(one.architecture, lang))
    return table


def _title(architecture: "Architecture", lang: Lang) -> str:
    if architecture.borrowed:
        return say("summary.title_borrowed", lang, library=architecture.name.partition(":")[0])
    return say(f"summary.title_{architecture.name}", lang)


def _differences(summaries: "Sequence[Summary]", differing: Sequence[tuple[str, list[str]]], lang: Lang) -> Table:
    table = new_table(say("summary.head_differs", lang), *(one.architecture.name for one in summaries))
    for name, values in differing:
        table.add_row(say(f"summary.field_{name.replace(' ', '_')}", lang), *values)
    return table
