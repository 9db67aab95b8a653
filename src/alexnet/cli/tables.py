"""Results as tables for a terminal. Independent of how they are computed."""

import shlex
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from alexnet.models.kinds import kind_of
from alexnet.runtime.terminal import visible_name

if TYPE_CHECKING:
    from alexnet.comparison.results import Comparison
    from alexnet.data.curation.inspection import Inspection
    from alexnet.evaluation.evaluate import Evaluation
    from alexnet.i18n.translate import Lang
    from alexnet.lecture.slides import SlideCheck
    from alexnet.lecture.variants import ComparedVariants
    from alexnet.runs.result import Result

MEGA = 1e6
LONGEST_LIST = 20  # files or pairs shown; --json has all of them


def result_lines(result: "Result") -> str:
    """The errors of a finished run, and how to use it."""
    test = "no test set" if result.test_error is None else f"test error {result.test_error:.2%}{_interval(result)}"
    trained = "" if kind_of(result.model).fixed_features else f"{result.epochs:.1f} epochs and "
    lines = (
        f"{result.model}: validation error {result.validation_error:.2%}, {test}, after {trained}{result.seconds:.0f} s.",
        *result.remarks,
        f"Report: {result.report}",
        *filter(None, [result.choice]),
        f"Classify: {shlex.join(['alexnet', 'predict', result.run])} PICTURE...",
    )
    return "\n".join(lines)


def _interval(result: "Result") -> str:
    if result.test_interval is None:
        return ""
    low, high = result.test_interval
    return f" (95%: {low:.1%} to {high:.1%}, n = {result.n_test:,})"


def comparison_tables(comparison: "Comparison") -> list[Table | str]:
    """One row per system at the largest share of the images, in 80 columns; crossings; the recommendation; the path of the report."""
    systems = comparison.largest
    figures = ["error", "95%", "training", "ms", "size\nMB", "param.", "MACs"]
    table = new_table("system", *figures, numbers=figures)
    for one in systems:
        low, high = one.interval
        milliseconds = "" if one.predict_milliseconds is None else f"{one.predict_milliseconds:.3g}"
        megabytes = "" if one.bytes is None else f"{one.bytes / MEGA:.3g}"
        measures = (f"{one.error:.1%}", f"{100 * low:.1f}-{100 * high:.1f}", _brief_time(one.train_seconds), milliseconds, megabytes)
        table.add_row(one.model, *measures, _brief(one.parameters), _brief(one.macs))
    failed = [cell for cell in comparison.cells if cell.error is not None]
    reasons = [f"No result: {cell.model}, {100 * cell.fraction:.3g}% of the pictures, seed {cell.seed}: {cell.error}" for cell in failed]
    head = f"{comparison.dataset}, {systems[0].images_per_class:,.0f} training pictures per class, {comparison.split} error:"
    notes = [*reasons, *(crossing.sentence for crossing in comparison.crossings)]
    choice = f"Use {comparison.choice.model}: {comparison.choice.reason}"
    return [head, "", table, "", *notes, *([""] if notes else []), choice, f"Report: {comparison.report}"]


def _brief(number: int | None) -> str:
    """1,234,567 -> "1.23M"."""
    if number is None:
        return ""
    rounded = float(f"{number:.3g}")  # 999,950 is 1M, not 1000k
    unit, letter = next(((unit, letter) for unit, letter in ((1e9, "G"), (MEGA, "M"), (1e3, "k")) if rounded >= unit), (1.0, ""))
    shown = number / unit
    return f"{shown:.0f}{letter}" if shown >= 100 else f"{shown:.3g}{letter}"


def _brief_time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds < 100 else f"{seconds / 60:.3g} min" if seconds < 6_000 else f"{seconds / 3600:.3g} h"


def evaluation_table(evaluation: "Evaluation") -> Table:
    """One row per class, highest error first."""
    measures = ("error", "precision", "recall")
    table = new_table("class", "pictures", *measures, numbers=["pictures", *measures])
    for row in sorted(evaluation.per_class, key=lambda row: -(row["error"] or 0.0)):
        table.add_row(_text(row["class"]), f"{row['n']:,}", *(_share(row[name]) for name in measures))
    return table


def lecture_tables(check: "SlideCheck") -> list[Table | str]:
    """LeNet and AlexNet layer by layer, in 80 columns; then the claims of the slides, each with its verdict and the correct value."""
    from alexnet.lecture.networks import comparison_title, layer_head, layer_lines, network_lines
    from alexnet.lecture.slides import claim_lines, claims_title

    head = layer_head(check.networks, check.lang)
    layers = new_table(*head, numbers=head[1:])
    for row in layer_lines(check.networks, check.lang):
        layers.add_row(*row)
    claims = Table(box=None, pad_edge=False, show_header=False)
    for label, text in claim_lines(check):
        claims.add_row(_text(label), _text(text))
    above = [comparison_title(check.lang), *network_lines(check.networks, check.lang)]
    return [*above, "", layers, "", claims_title(check.lang), "", claims]


def variant_tables(compared: "tuple[ComparedVariants, ...]", lang: "Lang") -> list[Table | str]:
    """The differences one by one, with the variants that agree on one line; then the sources."""
    from alexnet.lecture.variants import source_lines, variant_lines, variants_title

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for title, who, text in variant_lines(compared, lang):
        if title:
            table.add_row(f"[bold]{_text(title)}[/bold]")
        table.add_row(_text(who), _text(text))
    return [variants_title(lang), "", table, "", *source_lines(lang)]


def inspection_tables(found: "Inspection") -> list[Table | str]:
    """Counts per class and split; then unreadable files, duplicates and suspects, if any; then advice."""
    total = sum(found.splits.values())
    head = f"{found.name}: {total:,} pictures in {len(found.classes):,} classes"
    sizes = [f"{name} {_range(of['min'], of['median'], of['max'])} px" for name, of in found.sizes.items()]
    modes = [f"{count:,} {mode}" for mode, count in found.modes.items()]
    facts = [f"{name}: {'; '.join(values)}" for name, values in (("Sizes", sizes), ("Modes", modes)) if values]
    parts: list[Table | str] = [head, *facts, "", _counts(found), *_problems(found)]
    notes = [*found.advice, *([found.split_plan] if found.split_plan else [])]
    return [*parts, "", *notes] if notes else parts


def _range(least: int, median: int, most: int) -> str:
    return f"{most:,}" if least == most else f"{least:,} to {most:,} (median {median:,})"


def _counts(found: "Inspection") -> Table:
    splits = list(found.splits)
    several = len(splits) > 1
    columns = [*splits, "all"] if several else ["pictures"]
    table = new_table("class", *columns, numbers=columns)
    for name, of_class in found.counts.items():
        all_of_it = [f"{sum(of_class.values()):,}"] if several else []
        table.add_row(_text(name), *(f"{of_class[split]:,}" for split in splits), *all_of_it)
    if several:
        table.add_section()
        table.add_row("all", *(f"{found.splits[split]:,}" for split in splits), f"{sum(found.splits.values()):,}")
    return table


def _problems(found: "Inspection") -> list[Table | str]:
    """A table for each kind of problem that was found."""
    unreadable = [(skip.name, skip.reason) for skip in found.unreadable]
    return [
        *_listed("Files that cannot be read", ("file", "reason"), unreadable),
        *_listed("Copies, equal to the byte", ("first", "second", "problem"), _pairs(found, "exact")),
        *_listed("Near duplicates", ("first", "second", "problem"), _pairs(found, "near")),
    ]


def _pairs(found: "Inspection", kind: str) -> list[tuple[str, str, str]]:
    """Each pair of duplicates once, with what is wrong with it ("two labels", "across splits"), those first."""
    problems: dict[tuple[str, str], list[str]] = {}
    for one in found.suspects:
        problems.setdefault((one.first, one.second), []).append(one.problem)
    rows = [(first, second, ", ".join(problems.get((first, second), ()))) for first, second in found.duplicates[kind]]
    return sorted(rows, key=lambda row: not row[2])


def _listed(title: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> list[Table | str]:
    if not rows:
        return []
    table = new_table(*columns, title=f"{title}: {len(rows):,}")
    for row in rows[:LONGEST_LIST]:
        table.add_row(*map(_text, row))
    rest = len(rows) - LONGEST_LIST
    return ["", table, *([f"... and {rest:,} more, which --json lists"] if rest > 0 else [])]


def new_table(*columns: str, numbers: Collection[str] = (), title: str | None = None) -> Table:
    """An empty table; the columns in `numbers` are right-aligned."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(escape(column), justify="right" if column in numbers else "left", overflow="fold")
    return table


def _text(text: str) -> str:
    """Text with rich's markup and control characters escaped: file and class names are neither."""
    return escape(visible_name(text))


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
