"""`python -m tools.measured STUDY...`: put finished studies among the measurements that the package brings along (studies/measured).

A file is named after its study's folder. Training curves, errors of single classes and paths of this machine are left out. Which claims
now stand in several files is printed, since the page of `alexnet lecture` shows the one that decides something first.
"""

import json
import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from alexnet.errors import AlexNetError
from alexnet.studies import measurements
from alexnet.studies.findings import Finding, StudyReport
from alexnet.studies.finished import find_study

FOLDER = Path(measurements.__file__).parent / measurements.FOLDER
DIGITS = 5  # significant ones, of every number


def main(arguments: Sequence[str], *, folder: Path = FOLDER) -> int:
    """Write a file for each study folder; returns exit status 0, or 2 for a folder that holds no finished study."""
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        studies = [(Path(one).resolve().name, find_study(Path(one))) for one in arguments]
    except AlexNetError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    for name, report in studies:
        path = folder / f"{name}.json"
        text = json.dumps(rounded(shortened(report, name).to_json()), ensure_ascii=False, allow_nan=False, indent=1)
        path.write_text(f"{text}\n", encoding="utf-8")
        print(f"{path}: {len(report.findings)} claims, {path.stat().st_size:,} bytes")
    print(*several(folder), sep="\n")
    return 0


def shortened(report: StudyReport, name: str) -> StudyReport:
    """The report without curves and single classes, and with file names in the place of paths."""
    findings = [_finding(one) for one in report.findings]
    out, data = f"runs/{name}", Path(report.data).name
    recipe = {**report.recipe, "data": data} if "data" in report.recipe else report.recipe
    command = shlex.join(_without_path(word) for word in shlex.split(report.command))
    command = re.sub(r"--out \S+", f"--out {out}", command)
    return replace(
        report,
        findings=findings,
        data=data,
        dataset=Path(report.dataset).name,
        command=command,
        run=out,
        report=f"{out}/report.html",
        recipe=recipe,
    )


def _finding(finding: Finding) -> Finding:
    return replace(finding, arms=[replace(arm, curves=(), per_class={}) for arm in finding.arms])


def _without_path(word: str) -> str:
    """The last part of a path; any other word of a command unchanged."""
    return Path(word).name if "/" in word and "=" not in word else word


def rounded(value: object) -> object:
    """The value with its numbers rounded to DIGITS significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return [rounded(part) for part in value] if isinstance(value, list | tuple) else value


def several(folder: Path) -> Iterable[str]:
    """A line for each claim that is in more than one file."""
    files: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.json")):
        if path.name != measurements.RESULTS:
            for study in json.loads(path.read_text("utf-8"))["studies"]:
                files.setdefault(study["claim"], []).append(path.name)
    return [f"{claim}: {', '.join(names)}" for claim, names in files.items() if len(names) > 1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
