"""What the results depend on besides the recipe: versions, the device that was used."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alexnet.runs.report.part import FinishedRun, Part
from alexnet.runs.report.section import RunPage, Section


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """environment: name -> value."""

    environment: Mapping[str, str] = field(default_factory=dict)


def collect(finished: FinishedRun) -> Environment:
    """The environment that the run recorded."""
    return Environment(environment=finished.environment)


def view(page: RunPage) -> Mapping[str, str] | None:
    """Names and values, if there are any."""
    part = page.part(Environment)
    return (part.environment or None) if part else None


SECTION = Section(name="environment", view=view, part=Part(kind=Environment, collect=collect))
