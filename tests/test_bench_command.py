"""The command `python -m bench`: its words, and what it refuses before it measures."""

from pathlib import Path

import pytest

from bench.__main__ import PARTS, parsed


def test_file_and_parts() -> None:
    assert (parsed([]).file, parsed([]).only) == (Path("bench.json"), None)
    asked = parsed(["here.json", "--only", "exported", "--only", "service"])
    assert (asked.file, asked.only) == (Path("here.json"), ["exported", "service"])
    assert set(asked.only) < set(PARTS)


@pytest.mark.parametrize(("words", "status"), [(["--help"], 0), (["--only", "nothing"], 2), (["--quick"], 2)])
def test_help_and_wrong_words_measure_nothing(words: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(words)
    assert ended.value.code == status
    said = "".join(capsys.readouterr())
    assert all(part in said for part in PARTS) or "unrecognized" in said
