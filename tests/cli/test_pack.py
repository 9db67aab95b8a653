"""`alexnet pack` on the command line."""

import json
import zipfile
from pathlib import Path

import pytest

from alexnet.cli import main


def test_pack_json(capsys: pytest.CaptureFixture[str], digits_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "digits.zip"
    assert main(["pack", str(digits_folder), str(out), "--size", "16", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["n"], said["skipped"], said["bytes"]) == (300, 0, out.stat().st_size)
    assert isinstance(said["seconds"], float)
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
    assert main(["inspect", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 300


def test_pack_says_what_it_has_done(capsys: pytest.CaptureFixture[str], digits_folder: Path, tmp_path: Path) -> None:
    assert main(["pack", str(digits_folder), str(tmp_path / "digits.zip"), "--size", "16"]) == 0
    assert "300 pictures in 10 classes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["digits.tar"], "A packed data set is a zip"),
        (["digits.zip", "--size", "1"], "cannot be 1 px"),
        (["digits.zip", "--quality", "0"], "cannot be 0"),
    ],
)
def test_pack_refusals(capsys: pytest.CaptureFixture[str], digits_folder: Path, tmp_path: Path, words: list[str], message: str) -> None:
    assert main(["pack", str(digits_folder), str(tmp_path / words[0]), *words[1:]]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
