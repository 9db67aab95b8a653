"""`alexnet report`: the page of a run, a comparison or a study rebuilt from its folder, or several runs on one page. Trains nothing."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alexnet.comparison.report.page import comparison_page
from alexnet.comparison.request import load_comparison_request
from alexnet.comparison.results import Comparison, relocated
from alexnet.comparison.run_cells import ComparisonFolder
from alexnet.errors import BadRun
from alexnet.explanations.page import explanation_page
from alexnet.explanations.record import FOLDER, RECORD, read_explanation
from alexnet.explanations.record import PAGE as EXPLANATION_PAGE
from alexnet.i18n.translate import Lang, language_of
from alexnet.pages.html import write_page
from alexnet.runs.folder import RunFolder
from alexnet.runs.report.page import page_of
from alexnet.runs.report.part import RunReport
from alexnet.runs.report.record_json import read_report
from alexnet.runtime.arguments import path_from
from alexnet.storage.records import read_json
from alexnet.studies.finished import read_study
from alexnet.studies.lecture_page import PAGES as LECTURE_PAGES
from alexnet.studies.report.page import study_page

PAGE = "report.html"
MARKS_OF_OUR_PAGES = (
    '<meta name="generator" content="alexnet">',
    '<section id="trained"',
    '<section id="run1-trained"',
    '<header id="headline">',
)
SEARCHED_BYTES = 100_000  # of a page, from its start, in which one of these occurs


@dataclass(frozen=True, slots=True)
class FolderKind:
    """A kind of folder with a page. name: for messages. mark: the file that identifies it. page: renders its page in a language."""

    name: str
    mark: str
    page: Callable[[Path, Lang], str]


def run_report(path: Path) -> RunReport:
    """The content of a finished run's page; raises BadRun for a run that has not finished, or whose version saved no report values."""
    folder = RunFolder(path)
    if folder.finished() is None:
        raise BadRun(f"{path} has not finished and has no report yet. Resume with: {_command('train', '--out', path, '--resume')}")
    if not folder.report_json.exists():
        raise BadRun(
            f"{path} is a run of an earlier version, without the {folder.report_json.name} that the page is built from. "
            f"To measure the run again: {_command('evaluate', path)}"
        )
    return read_report(folder.report_json)


def read_comparison(path: Path) -> Comparison:
    """The result of a finished comparison; raises BadRun if it has not finished, is damaged, or is of a version that saved less."""
    folder = ComparisonFolder(path)
    request = load_comparison_request(folder.request)
    again = _command("compare", request.data if request else "DATA", "--out", path)
    if not folder.result.exists():
        raise BadRun(f"{path} has not finished and has no report yet. Resume with: {again}")
    try:
        values = read_json(folder.result)
        if "environment" not in values:
            raise BadRun(
                f"{folder.result} was made by an earlier version, which saved less. "
                f"To build its page without running any cell again: {again}"
            )
        return relocated(Comparison.from_json(values), path)
    except (OSError, ValueError) as error:
        raise BadRun(f"{folder.result} is damaged ({error}). To rebuild it without running any finished cell again: {again}") from None


KINDS = (  # to add a kind of folder, add a row
    FolderKind("comparison", "comparison.json", lambda path, lang: comparison_page(read_comparison(path), lang)),
    FolderKind("study", "study.json", lambda path, lang: study_page(read_study(path), lang)),
    FolderKind("run", "recipe.toml", lambda path, lang: page_of([run_report(path)], lang, explanation=_explanation_of(path))),
    FolderKind("explanation", RECORD, lambda path, lang: explanation_page(read_explanation(path), lang)),
)


def _explanation_of(path: Path) -> str | None:
    """The address of a run's explanation, as seen from its folder."""
    return f"{FOLDER}/{EXPLANATION_PAGE}" if (path / FOLDER / EXPLANATION_PAGE).is_file() else None


def report(*runs: str | Path, out: str | Path | None = None, lang: Lang = "en") -> Path:
    """Rebuild the page of a run, a comparison or a study from its folder, or put several runs on one page; returns the page's file.

    Raises what `report_runs` raises, and AlexNetError for an unknown language.
    """
    folders = [path_from(run, "The run folder", BadRun) for run in runs]
    return report_runs(folders, out=None if out is None else path_from(out, "out", BadRun), lang=language_of(lang))


def report_runs(runs: Sequence[Path], *, out: Path | None = None, lang: Lang = "en") -> Path:
    """Rebuild the page of one folder, or write one page of several runs; returns the page's file.

    Without `out`, the page of one folder is its own report.html; the page of several runs is report.html in the current folder. Raises
    BadRun for a folder that has no page, and if the file to write exists and is not a report.
    """
    if not runs:
        raise BadRun("No run folder given. Usage: alexnet report RUN...")
    kinds = [_kind_of(path) for path in runs]
    own = runs[0] / PAGE if len(runs) == 1 else None
    chosen = out or own or Path(PAGE)
    if chosen != own:
        _check_free(chosen, several=len(runs) > 1 and out is None)
    if own is None:
        page = page_of([_one_of_several(path, kind) for path, kind in zip(runs, kinds, strict=True)], lang)
    else:
        page = kinds[0].page(runs[0], lang)
    write_page(page, chosen)
    return chosen


def _kind_of(path: Path) -> FolderKind:
    if not path.is_dir():
        what = "is a file" if path.exists() else "does not exist"
        raise BadRun(f"{path} {what}; pass a folder that alexnet train, compare or study wrote.")
    kind = next((kind for kind in KINDS if (path / kind.mark).is_file()), None)
    if kind is None and any((path / page).is_file() for page in LECTURE_PAGES.values()):
        raise BadRun(f"{path} holds the lecture's page, which is rebuilt with the studies it shows: alexnet lecture [STUDY...]")
    if kind is None:
        marks = " or ".join(f"{one.mark} (a {one.name})" for one in KINDS)
        raise BadRun(f"{path} has no page: it holds no {marks}. Pass a folder that alexnet train, compare or study wrote.")
    return kind


def _one_of_several(path: Path, kind: FolderKind) -> RunReport:
    if kind.name != "run":
        raise BadRun(f"{path} is a {kind.name}, which has a page of its own: {_command('report', path)}. Several runs can share a page.")
    return run_report(path)


def _check_free(out: Path, *, several: bool) -> None:
    """Raise BadRun rather than overwrite a file that is not a report, or, without --out, the page of the run in the current folder."""
    if several and any(Path(kind.mark).exists() for kind in KINDS):
        raise BadRun(f"The current folder is a run folder, and {out} is its own page; set --out FILE, for example --out runs.html.")
    if not out.is_file():
        return
    with out.open("rb") as file:
        start = file.read(SEARCHED_BYTES).decode("utf-8", "replace")
    if not (start.startswith("<!doctype html>") and any(mark in start for mark in MARKS_OF_OUR_PAGES)):
        raise BadRun(f"{out} exists and is not an alexnet report; choose another --out.")


def _command(*arguments: object) -> str:
    return shlex.join(["alexnet", *map(str, arguments)])
