"""Reading a finished study from its folder. Independent of pages."""

import shlex
from pathlib import Path

from alexnet.errors import BadRun
from alexnet.storage.records import read_json
from alexnet.studies.findings import StudyReport
from alexnet.studies.request import StudyFolder, load_study_request


def read_study(path: Path) -> StudyReport:
    """The result of a finished study; raises BadRun if it has not finished or is damaged."""
    folder = StudyFolder(path)
    request = load_study_request(folder.request)
    again = shlex.join(["alexnet", "study", request.data if request else "DATA", "--out", str(path)])
    if not folder.result.exists():
        raise BadRun(f"{path} has not finished and has no report yet. Resume with: {again}")
    try:
        return StudyReport.from_json(read_json(folder.result))
    except (OSError, ValueError) as error:
        raise BadRun(f"{folder.result} is damaged ({error}). To rebuild it without repeating any finished run: {again}") from None


def find_study(path: Path) -> StudyReport:
    """The same for a folder that may be none of a study; raises BadRun for one that is not."""
    if not path.is_dir():
        what = "is a file" if path.exists() else "does not exist"
        raise BadRun(f"{path} {what}; pass the folder of a study, which alexnet study DATA --out {path} writes.")
    if not StudyFolder(path).request.is_file():
        raise BadRun(f"{path} is not the folder of a study: it holds no {StudyFolder(path).request.name}. alexnet study writes one.")
    return read_study(path)
