"""`python -m tools.measured`: studies become measurements of the package."""

import json
from pathlib import Path

import pytest
from tests.studies.invented import report

from alexnet.studies.findings import StudyReport
from alexnet.studies.measurements import shipped_results, shipped_studies
from alexnet.studies.request import StudyFolder, StudyRequest, save_study_request
from tools.measured import FOLDER, main, rounded


def folder_of(path: Path, made: StudyReport) -> Path:
    folder = StudyFolder(path)
    path.mkdir()
    save_study_request(StudyRequest(data="photos", claims=("dropout",)), folder.request)
    folder.result.write_text(json.dumps(made.to_json()), encoding="utf-8")
    return path


def test_a_study_is_kept_without_curves_and_paths(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = "alexnet study /home/me/data/cifar10.zip --claims dropout --set fraction=0.25 --out /home/me/runs/first-again"
    study = folder_of(tmp_path / "first", report(command=command, data="/home/me/data/cifar10.zip"))
    (tmp_path / "measured").mkdir()
    assert main([str(study)], folder=tmp_path / "measured") == 0
    text = (tmp_path / "measured" / "first.json").read_text("utf-8")
    assert "/home" not in text
    kept = StudyReport.from_json(json.loads(text))
    assert kept.command == "alexnet study cifar10.zip --claims dropout --set fraction=0.25 --out runs/first"
    assert [one.verdict for one in kept.findings] == [one.verdict for one in StudyReport.from_json(report().to_json()).findings]
    assert all(not arm.curves and not arm.per_class for one in kept.findings for arm in one.arms)
    assert main([str(study), str(folder_of(tmp_path / "second", report()))], folder=tmp_path / "measured") == 0
    assert "dropout: first.json, second.json" in capsys.readouterr().out


def test_what_is_no_study_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main([str(tmp_path)], folder=tmp_path) == 2
    assert "not the folder of a study" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_numbers_are_rounded() -> None:
    assert rounded({"a": [0.123456789, 1], "b": "x"}) == {"a": [0.12346, 1], "b": "x"}


def test_what_the_package_brings_along_can_be_read_and_names_no_machine() -> None:
    assert shipped_studies()
    assert {"systems", "known-causes"} == set(shipped_results())
    for path in FOLDER.glob("*.json"):
        text = path.read_text("utf-8")
        assert "/home" not in text
        assert "../" not in text
        assert path.stat().st_size < 400_000
    for one in shipped_studies():
        assert one.command.startswith("alexnet study ")
        assert one.seconds > 0
