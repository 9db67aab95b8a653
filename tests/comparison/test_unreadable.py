"""How many unreadable files a comparison and a study accept: as a training does."""

import json
from pathlib import Path

import pytest
from tests.runs.test_train import some_of

import alexnet
from alexnet.cli import main
from alexnet.errors import BadRecipe


def test_a_comparison_leaves_out_as_many_as_it_is_told(digits_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = some_of(digits_folder, tmp_path / "data", {"1": "one", "7": "seven"}, count=24)
    for file in sorted((data / "one").iterdir())[:8]:
        file.write_bytes(b"no image")
    words = ["compare", str(data), "--models", "raw-svm", "--fractions", "1", "--out", str(tmp_path / "out"), "--json"]
    assert main([*words, "--max-unreadable", "2"]) == 2
    assert "max_unreadable is 2" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    status = main([*words, "--max-unreadable", "0.5"])
    assert status == 0, capsys.readouterr().err
    found = json.loads(capsys.readouterr().out)
    assert found["cells"][0]["error"] is None
    assert json.loads((tmp_path / "out" / "comparison.json").read_text())["max_unreadable"] == 0.5


def test_a_study_refuses_what_is_no_share(digits_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match="max_unreadable is 5; it is a share"):
        alexnet.study(digits_folder, max_unreadable=5, out=tmp_path / "study")
    assert not (tmp_path / "study").exists()
