"""Which classes the first evaluation confused: a heat map of the confusion matrix, and the most confused pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from alexnet.pages.plots import heat_map
from alexnet.runs.report.section import RunPage, Section
from alexnet.runs.report.sections.evaluation import first_of, names_of

MOST_PAIRS = 20  # rows of the most confused pairs
MOST_MAPPED = 30  # classes in a heat map; with more, only the most confused pairs are listed


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfusionView:
    """heat_map: None for more than MOST_MAPPED classes. pairs: (true class, predicted class, images, images of the true class)."""

    heat_map: Markup | None
    pairs: Sequence[tuple[str, str, int, int]]
    classes: int


def view(page: RunPage) -> ConfusionView | None:
    """The first evaluation's matrix, if it has one."""
    confusion, names = np.asarray(first_of(page).get("confusion") or np.zeros((0, 0)), dtype=np.int64), names_of(page)
    pairs = _confused_pairs(confusion, names)
    mapped = heat_map(f"{page.prefix}confusion", confusion, names, page.words) if 0 < len(confusion) <= MOST_MAPPED else None
    return ConfusionView(heat_map=mapped, pairs=pairs, classes=len(page.about.classes)) if mapped or pairs else None


def _confused_pairs(confusion: NDArray[np.int64], names: Sequence[str]) -> list[tuple[str, str, int, int]]:
    """The confused pairs, most frequent first."""
    wrong = confusion * (1 - np.eye(len(confusion), dtype=np.int64))
    worst = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    cells = [(int(i) // len(wrong), int(i) % len(wrong)) for i in worst]
    totals = confusion.sum(axis=1)
    return [(names[t], names[p], int(wrong[t, p]), int(totals[t])) for t, p in cells if wrong[t, p]]


SECTION = Section(name="confusion", view=view)
