"""Reports of runs from their values by name, whichever section keeps them."""

from dataclasses import fields, replace
from typing import Any

from alexnet.runs.report.part import RunReport
from alexnet.runs.report.sections import PARTS


def names_in(part: Any) -> set[str]:
    """The values that a part keeps."""
    return {each.name for each in fields(part)}


def report_of(**values: Any) -> RunReport:
    """The report that keeps these values; what has a default may be left out."""
    assert values.keys() <= set().union(*(names_in(part.kind) for part in PARTS))
    about, *parts = (part.kind(**{name: values[name] for name in names_in(part.kind) & values.keys()}) for part in PARTS)
    return RunReport(about=about, parts=parts)


def altered(report: RunReport, **values: Any) -> RunReport:
    """The report with these values instead of its own."""

    def with_values(part: Any) -> Any:
        return replace(part, **{name: values[name] for name in names_in(part) & values.keys()})

    assert values.keys() <= set().union(*(names_in(part.kind) for part in PARTS))
    return replace(report, about=with_values(report.about), parts=[with_values(part) for part in report.parts])


def value_of(report: RunReport, name: str) -> Any:
    """One of the values that the report keeps."""
    return next(getattr(part, name) for part in (report.about, *report.parts) if name in names_in(part))
