"""Several processes that want the same folder at once: one has it, the others are told, and the folder is what one alone makes."""

import time
from pathlib import Path

import pytest
from tests.attacks import attacked
from tests.fire.programs import begin, run
from tests.fire.test_kills import tensors

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

COMMANDS = {
    "train": ("train", "{data}", "--model", "lenet", "--epochs", "2", "--seed", "3", "--no-baseline"),
    "compare": ("compare", "{data}", "--models", "lenet", "--fractions", "1"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_one_of_three_has_the_folder(name: str, digits_folder: Path, tmp_path: Path, hardness: int) -> None:
    words = [word.format(data=digits_folder) for word in COMMANDS[name]]
    assert run([*words, "--out", tmp_path / "whole"], tmp_path / "log").status == 0
    whole = tensors(tmp_path / "whole")
    for attempt in range(3 * hardness):
        out = tmp_path / f"out {attempt}"
        logs = [tmp_path / f"{attempt} {number}" for number in range(3)]
        processes = []
        for log in logs:
            processes.append(begin([*words, "--out", out], log))
            time.sleep(0.05 * attempt)
        for process in processes:
            process.join(120)
        said = [log.read_text("utf-8") for log in logs]
        assert [process.exitcode for process in processes].count(0) >= 1, said
        for process, text in zip(processes, said, strict=True):
            assert process.exitcode in (0, 2), text
            assert "Traceback" not in text
            if process.exitcode == 2:
                assert "is in use by process" in text or "already holds a run" in text, text
        assert tensors(out) == whole
    attacked(f"races of three processes for one folder: {name}", 3 * hardness)
