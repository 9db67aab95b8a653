"""The sections of a run's page, in order. To add a section, add a file here, its template and messages, and a row to SECTIONS."""

from alexnet.runs.report.part import ABOUT
from alexnet.runs.report.section import Section
from alexnet.runs.report.sections import (
    baseline,
    calibration,
    classes,
    confusion,
    curves,
    environment,
    evaluation,
    filters,
    layers,
    mistakes,
    published,
    recipe,
    repeat,
    search,
    skipped,
    solver,
    trained,
)

SECTIONS: tuple[Section, ...] = (
    search.SECTION,
    trained.SECTION,
    solver.SECTION,
    curves.SECTION,
    evaluation.SECTION,
    classes.SECTION,
    confusion.SECTION,
    calibration.SECTION,
    mistakes.SECTION,
    filters.SECTION,
    layers.SECTION,
    published.SECTION,
    baseline.SECTION,
    skipped.SECTION,
    recipe.SECTION,
    repeat.SECTION,
    environment.SECTION,
)
PARTS = (ABOUT, *(section.part for section in SECTIONS if section.part is not None))
