"""Files that could not be used, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from alexnet.runs.report.part import FinishedRun, Part
from alexnet.runs.report.section import RunPage, Section

MOST_SKIPPED = 200  # rows


@dataclass(frozen=True, kw_only=True, slots=True)
class SkippedFiles:
    """skipped: dicts with name, class_name, reason."""

    skipped: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SkippedView:
    """rows: the files that are listed. all: how many there are."""

    rows: Sequence[Mapping[str, Any]]
    all: int


def collect(finished: FinishedRun) -> SkippedFiles:
    """Every file that the store left out."""
    return SkippedFiles(skipped=[asdict(skip) for skip in finished.store.skipped])


def view(page: RunPage) -> SkippedView:
    """The first of them; the template says if there are none."""
    kept = page.part(SkippedFiles) or SkippedFiles()
    return SkippedView(rows=kept.skipped[:MOST_SKIPPED], all=len(kept.skipped))


SECTION = Section(name="skipped", view=view, part=Part(kind=SkippedFiles, collect=collect))
