"""`alexnet report`: the page of a run, a comparison or a study rebuilt from its folder, or several runs on one page. Trains nothing."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alexnet.comparison.report.page import comparison_page
from alexnet.comparison.request import load_comparison_request
from alexnet.comparison.results import Comparison, placed_in
from alexnet.comparison.run_cells import ComparisonFolder
from alexnet.errors import BadRun
from alexnet.i18n.translate import Lang, language_of
from alexnet.pages.html import write_page
from alexnet.runs.folder import RunFolder
from alexnet.runs.report.page import page_of
from alexnet.runs.report.part import RunReport
from alexnet.runs.report.record_json import read_report
from alexnet.runtime.arguments import path_from
from alexnet.storage.records import read_json
from alexnet.studies.findings import StudyReport
from alexnet.studies.report.page import study_page
from alexnet.studies.request import StudyFolder, load_study_request

PAGE = "report.html"
OUR_PAGES = ('<meta name="generator" content="alexnet">', '<section id="trained"', '<section id="run1-trained"', '<header id="headline">')
LOOKED_AT = 100_000  # bytes of a page, in which one of these stands


@dataclass(frozen=True, slots=True)
class FolderKind:
    """A kind of folder with a page: what it is called, the file that tells it, and what gives its page in a language."""

    name: str
    mark: str
    page: Callable[[Path, Lang], str]


def run_report(path: Path) -> RunReport:
    """What the page of a finished run shows; raises BadRun for a run that has not ended, or that kept nothing for its page."""
    folder = RunFolder(path)
    if folder.finished() is None:
        raise BadRun(f"{path} has not ended, and has no report yet. Resume with: {_command('train', '--out', path, '--resume')}")
    if not folder.kept_report.exists():
        raise BadRun(
            f"{path} has ended, but an earlier version made it, and kept no {folder.kept_report.name} to make the page from. "
            f"Its numbers can be measured anew: {_command('evaluate', path)}"
        )
    return read_report(folder.kept_report)


def read_comparison(path: Path) -> Comparison:
    """What a finished comparison has found; raises BadRun for one that has not ended, is damaged, or of an earlier version."""
    folder = ComparisonFolder(path)
    words = load_comparison_request(folder.words)
    again = _command("compare", words.data if words else "DATA", "--out", path)
    if not folder.result.exists():
        raise BadRun(f"{path} has not ended, and has no report yet. Resume with: {again}")
    try:
        values = read_json(folder.result)
        if "environment" not in values:
            raise BadRun(f"{path} was made by an earlier version, which kept less. This makes its page, and runs no cell again: {again}")
        return placed_in(Comparison.from_json(values), path)
    except (OSError, ValueError) as error:
        raise BadRun(f"{folder.result} is damaged ({error}). This makes it anew, and runs no finished cell again: {again}") from None


def read_study(path: Path) -> StudyReport:
    """What a finished study has found; raises BadRun for one that has not ended, or is damaged."""
    folder = StudyFolder(path)
    request = load_study_request(folder.request)
    again = _command("study", request.data if request else "DATA", "--out", path)
    if not folder.result.exists():
        raise BadRun(f"{path} has not ended, and has no report yet. Resume with: {again}")
    try:
        return StudyReport.from_json(read_json(folder.result))
    except (OSError, ValueError) as error:
        raise BadRun(f"{folder.result} is damaged ({error}). This makes it anew, and makes no finished run again: {again}") from None


KINDS = (  # another kind of folder is another row
    FolderKind("comparison", "comparison.json", lambda path, lang: comparison_page(read_comparison(path), lang)),
    FolderKind("study", "study.json", lambda path, lang: study_page(read_study(path), lang)),
    FolderKind("run", "recipe.toml", lambda path, lang: page_of([run_report(path)], lang)),
)


def report(*runs: str | Path, out: str | Path | None = None, lang: Lang = "en") -> Path:
    """Rebuild the page of a run, a comparison or a study from what its folder holds, or put several runs on one page; returns its file.

    Raises what `report_runs` raises, and AlexNetError for an unknown language.
    """
    folders = [path_from(run, "The run folder", BadRun) for run in runs]
    return report_runs(folders, out=None if out is None else path_from(out, "out", BadRun), lang=language_of(lang))


def report_runs(runs: Sequence[Path], *, out: Path | None = None, lang: Lang = "en") -> Path:
    """Rebuild the page of one folder, or write one page of several runs; returns the page's file.

    Without `out`, one folder's page is its own report.html; several runs' is report.html in the current folder. Raises BadRun for a folder
    that has no page to give, and for a file in the way that is no report.
    """
    if not runs:
        raise BadRun("Name at least one run: alexnet report RUN.")
    kinds = [_kind_of(path) for path in runs]
    if len(runs) == 1:
        page, own = kinds[0].page(runs[0], lang), runs[0] / PAGE
    else:
        page, own = page_of([_one_of_several(path, kind) for path, kind in zip(runs, kinds, strict=True)], lang), None
    chosen = out or own or Path(PAGE)
    if chosen != own:
        _check_free(chosen, several=len(runs) > 1 and out is None)
    try:
        write_page(page, chosen)
    except OSError as error:
        raise BadRun(f"{chosen} cannot be written ({error.strerror}); choose another --out.") from None
    return chosen


def _kind_of(path: Path) -> FolderKind:
    if not path.is_dir():
        what = "is a file" if path.exists() else "does not exist"
        raise BadRun(f"{path} {what}; name the folder that alexnet train or alexnet compare wrote.")
    kind = next((kind for kind in KINDS if (path / kind.mark).is_file()), None)
    if kind is None:
        marks = " or ".join(f"{one.mark} (a {one.name})" for one in KINDS)
        raise BadRun(f"{path} is no folder of alexnet's: it holds no {marks}. Name the folder that alexnet train or alexnet compare wrote.")
    return kind


def _one_of_several(path: Path, kind: FolderKind) -> RunReport:
    if kind.name != "run":
        raise BadRun(f"{path} is a {kind.name}, which has a page of its own: {_command('report', path)}. Several runs can share a page.")
    return run_report(path)


def _check_free(out: Path, *, several: bool) -> None:
    """That nothing is lost: what is there is a report, and, of a page that nobody named, not the one of a run."""
    if several and any(Path(kind.mark).exists() for kind in KINDS):
        raise BadRun(f"The current folder is a run's, and its own page is {out}; say --out FILE, for example --out runs.html.")
    if not out.is_file():
        return
    with out.open("rb") as file:
        start = file.read(LOOKED_AT).decode("utf-8", "replace")
    if not (start.startswith("<!doctype html>") and any(mark in start for mark in OUR_PAGES)):
        raise BadRun(f"{out} exists and is no report of alexnet; choose another --out.")


def _command(*words: object) -> str:
    return shlex.join(["alexnet", *map(str, words)])
