"""Results as small HTML tables, as notebooks show them: `_repr_html_` of results and classifiers. Independent of pages and their styles."""

from collections.abc import Iterable, Sequence
from html import escape

from alexnet.i18n.units import percent, readable


def html_table(title: str, rows: Iterable[Sequence[object]], header: Sequence[str] = ()) -> str:
    """A table with a caption; every cell is text, and the first of each row names it."""
    head = f"<thead><tr>{''.join(f'<th>{_cell(name)}</th>' for name in header)}</tr></thead>" if header else ""
    body = "".join(f'<tr><th style="text-align:left">{_cell(first)}</th>{_cells(rest)}</tr>' for first, *rest in rows)
    return f"<table><caption><b>{_cell(title)}</b></caption>{head}<tbody>{body}</tbody></table>"


def _cells(values: Sequence[object]) -> str:
    return "".join(f'<td style="text-align:left">{_cell(value)}</td>' for value in values)


def _cell(value: object) -> str:
    return escape(readable(value))


def with_interval(share: float | None, interval: Sequence[float] | None) -> str:
    """As 8.7% (7.2% to 10.4%)."""
    if share is None or interval is None:
        return percent(share)
    return f"{percent(share)} ({percent(interval[0])} to {percent(interval[1])})"


def named_classes(classes: Sequence[str], most: int = 20) -> str:
    """How many there are, and the names of the first."""
    left = f" and {len(classes) - most:,} more" if len(classes) > most else ""
    return f"{len(classes):,}: {', '.join(classes[:most])}{left}"
