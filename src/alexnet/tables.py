"""Results as tables for a terminal. Knows how things look, not how they are found."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from alexnet.classifier import Prediction
    from alexnet.data.inspection import Inspection
    from alexnet.evaluation.evaluate import Evaluation
    from alexnet.models.summary import Summary

MEGA = 1e6
NUMBERS = frozenset(
    {
        "parameters",
        "MACs",
        "MACs / image",
        "probability",
        "pictures",
        "error",
        "precision",
        "recall",
        "weights MB",
        "training MB",
        "classes",
    }
)  # columns that are set to the right


def prediction_table(answers: "Iterable[Prediction]") -> Table:
    """One row a picture: its classes with probabilities, or why there are none."""
    table = _table("picture", "class", "probability", "then")
    for answer in answers:
        if answer.error is not None:
            table.add_row(_text(answer.file), "", "", _text(answer.error))
            continue
        (best, probability), *others = answer.top
        rest = ", ".join(f"{name} {p:.1%}" for name, p in others)
        table.add_row(_text(answer.file), _text(best), f"{probability:.1%}", _text(rest))
    return table


def evaluation_table(evaluation: "Evaluation") -> Table:
    """One row a class, worst first."""
    table = _table("class", "pictures", "error", "precision", "recall")
    for row in sorted(evaluation.per_class, key=lambda row: -(row["error"] or 0.0)):
        table.add_row(_text(row["class"]), f"{row['n']:,}", *(_share(row[name]) for name in ("error", "precision", "recall")))
    return table


def summary_tables(summaries: "Sequence[Summary]", differing: Sequence[tuple[str, list[str]]], asked: bool) -> list[Table | str]:
    """The catalogue in lines when none was asked for; else each network's layers, then what differs between them."""
    overview = _overview(summaries)
    if not asked:
        return [overview]
    tables: list[Table | str] = [_layers(one) for one in summaries]
    return [*tables, overview, _differences(summaries, differing)] if differing else [*tables, overview]


def inspection_tables(found: "Inspection") -> list[Table | str]:
    """Counts per class and split, unreadable files, and what it all means."""
    report = found.to_json()
    splits = list(report["splits"])
    table = _table("class", "pictures")
    counts = report.get("counts", {})
    for name in report["classes"]:
        table.add_row(_text(str(name)), str(counts.get(name, "")))
    unreadable = [f"{row['file']} {row['reason']}" for row in report["unreadable"][:20]]
    head = f"{report['n']:,} pictures, {len(report['classes'])} classes, splits: {', '.join(map(str, splits)) or 'none'}"
    return [head, table, *unreadable, *report.get("advice", [])]


def _layers(summary: "Summary") -> Table:
    title = f"{summary.architecture.name}: {summary.channels} x {summary.image_size} x {summary.image_size}, {summary.classes:,} classes"
    table = _table("layer", "kind", "output", "parameters", "MACs", title=title)
    for layer in summary.layers:
        output = " x ".join(map(str, layer.output))
        table.add_row(layer.name, layer.kind, output, _count(layer.parameters), _count(layer.macs))
    table.add_section()
    table.add_row("total", "", "", f"{summary.parameters:,}", f"{summary.macs:,}")
    return table


def _overview(summaries: "Sequence[Summary]") -> Table:
    table = _table("model", "input", "classes", "parameters", "MACs / image", "weights MB", "training MB", "what")
    for one in summaries:
        size = f"{one.channels} x {one.image_size}"
        memory = (f"{one.weight_bytes / MEGA:,.1f}", f"{one.training_bytes / MEGA:,.1f}")
        figures = (f"{one.classes:,}", f"{one.parameters:,}", f"{one.macs:,}", *memory)
        table.add_row(one.architecture.name, size, *figures, one.architecture.title)
    return table


def _differences(summaries: "Sequence[Summary]", differing: Sequence[tuple[str, list[str]]]) -> Table:
    table = _table("what differs", *(one.architecture.name for one in summaries))
    for name, values in differing:
        table.add_row(name, *map(_text, values))
    return table


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in NUMBERS else "left", overflow="fold")
    return table


def _text(words: str) -> str:
    """User text: file and class names are not markup."""
    from rich.markup import escape

    return escape(words)


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
