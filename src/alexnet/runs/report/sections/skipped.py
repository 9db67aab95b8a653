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
    """rows: the files that are listed. all: the number of all skipped files."""

    rows: Sequence[Mapping[str, Any]]
    all: int


def collect(finished: FinishedRun) -> SkippedFiles:
    """Every file that the store left out."""
    return SkippedFiles(skipped=[asdict(skip) for skip in finished.store.skipped])


def view(page: RunPage) -> SkippedView:
    """The first MOST_SKIPPED files; empty if there are none, for which the template has a sentence."""
    part = page.part(SkippedFiles) or SkippedFiles()
    return SkippedView(rows=part.skipped[:MOST_SKIPPED], all=len(part.skipped))


SECTION = Section(name="skipped", view=view, part=Part(kind=SkippedFiles, collect=collect))
