"""A comparison's folder at another place: its result, page, links and a later start follow it, also in folders of earlier versions."""

import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest
from tests.runs.digit_systems import Trainings

from alexnet.comparison.results import Comparison
from alexnet.reports import read_comparison, report_runs

WORDS = {"models": "raw-svm,alexnet-cifar-fast,alexnet-cifar-fast+svm", "fractions": "0.1,1", "seeds": 1}


def compared(out: Path, trainings: Trainings) -> Comparison:
    return trainings.compare(out=out, **WORDS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return compared(tmp_path_factory.mktemp("made") / "digits", Trainings())


def as_earlier_versions_wrote(folder: Path, comparison: Comparison) -> None:
    """With the paths of the place where it was made."""
    (folder / "result.json").write_text(json.dumps(comparison.to_json()), "utf-8")


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize("copied", [False, True])
def test_a_folder_can_be_moved_or_copied(made: Comparison, earlier: bool, copied: bool, tmp_path: Path) -> None:
    first, place = tmp_path / "first", tmp_path / "other" / "my comparison ü"
    shutil.copytree(made.run, first)
    if earlier:
        as_earlier_versions_wrote(first, made)
    place.parent.mkdir()
    (shutil.copytree if copied else shutil.move)(first, place)
    found = read_comparison(place)
    assert (found.run, found.report) == (str(place), str(place / "report.html"))
    assert [cell.run for cell in found.cells] == [str(place / Path(cell.run or "").relative_to(made.run)) for cell in made.cells]
    assert all(Path(cell.report or "").is_file() and Path(cell.report or "").is_relative_to(place) for cell in found.cells)
    page = report_runs([place]).read_text("utf-8")
    links = [unquote(link) for link in re.findall(r'href="([^"#:]+)"', page)]
    assert len(links) >= len(found.cells)
    assert all((place / link).is_file() for link in links)


def test_a_moved_comparison_runs_nothing_again(made: Comparison, tmp_path: Path) -> None:
    place = tmp_path / "moved"
    shutil.copytree(made.run, place)
    trainings = Trainings()
    found = compared(place, trainings)
    assert trainings.made == []
    assert found.run == str(place)
    assert all(cell.report == f"{cell.run}/report.html" for cell in found.cells)
    assert read_comparison(place).cells == found.cells
    assert found.systems == made.systems


def test_a_place_that_was_named_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = compared(Path("runs/here"), Trainings())
    as_earlier_versions_wrote(Path("runs/here"), asked)
    shutil.move("runs/here", "there")
    monkeypatch.chdir(tmp_path.parent)
    assert all(Path(cell.report or "").is_file() for cell in read_comparison(tmp_path / "there").cells)


def test_no_path_of_the_place_is_written(made: Comparison) -> None:
    kept = json.loads((Path(made.run) / "result.json").read_text("utf-8"))
    assert (kept["run"], kept["report"]) == (".", "report.html")
    assert all(not Path(cell["run"]).is_absolute() and not Path(cell["report"]).is_absolute() for cell in kept["cells"])
    assert kept == json.loads(json.dumps(made.to_json() | {name: kept[name] for name in ("run", "report", "cells")}))
