"""Predictions as text, without rich, whose import would take a fifth of the time of a short `alexnet predict`."""

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

from alexnet.runtime.terminal import visible_name

if TYPE_CHECKING:
    from alexnet.inference.prediction import Prediction
    from alexnet.inference.sorting import Sorted, Undone

HEADER = ("picture", "class", "probability", "then")
NUMBERS = 2  # the column that is aligned on the right


def prediction_lines(answers: "Iterable[Prediction]") -> str:
    """One line per image: its classes with probabilities, or the reason it cannot be read."""
    rows = [HEADER, *map(_row, answers)]
    widths = [max(_width(row[column]) for row in rows) for column in range(len(HEADER) - 1)]
    return "\n".join(_aligned(row, widths) for row in rows)


def _row(answer: "Prediction") -> tuple[str, str, str, str]:
    name = visible_name(answer.file)
    if answer.error is not None:
        return name, "", "", visible_name(answer.error)
    (best, probability), *others = answer.top
    rest = ", ".join([f"{other} {p:.1%}" for other, p in others] + ["unlike the training pictures"] * bool(answer.unlike))
    return name, visible_name(best), f"{probability:.1%}", visible_name(rest)


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [
        " " * (width - _width(cell)) + cell if column == NUMBERS else cell + " " * (width - _width(cell))
        for column, (cell, width) in enumerate(zip(row, widths, strict=False))
    ]
    return "  ".join([*cells, row[-1]]).rstrip()


def _width(text: str) -> int:
    """Columns of a terminal: two for a Chinese character."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def sorted_lines(copies: "Sorted") -> str:
    """How many images were copied, and how to undo it."""
    unsure = f", {copies.unsure:,} of the unsure" if copies.unsure else ""
    return (
        f"Copied {copies.copied:,} into class folders{unsure}; the list is {copies.list}.\n"
        f"Undo: {shlex.join(['alexnet', 'predict', '--undo-sort', copies.list])}"
    )


def undone_lines(undone: "Undone") -> list[str]:
    """How many copies were removed, and which were kept."""
    changed = [f"Kept, since it was changed: {copy}" for copy in undone.kept]
    return [f"Removed {undone.removed:,} copies.", *changed]
