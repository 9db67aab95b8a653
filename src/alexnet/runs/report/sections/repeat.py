"""The command that trains the same model again."""

from dataclasses import dataclass

from alexnet.runs.report.part import FinishedRun, Part
from alexnet.runs.report.section import RunPage, Section


@dataclass(frozen=True, kw_only=True, slots=True)
class Repeat:
    """command: a shell command line."""

    command: str


def collect(finished: FinishedRun) -> Repeat:
    """The command that uses the run's own recipe."""
    return Repeat(command=finished.command)


def view(page: RunPage) -> Repeat | None:
    """The command, unchanged."""
    return page.part(Repeat)


SECTION = Section(name="repeat", view=view, part=Part(kind=Repeat, collect=collect))
