"""What is read of a folder is kept while the folder does not change, and not longer."""

import os
import time
from pathlib import Path

from alexnet.studio.jobs import Request, add_job, all_jobs
from alexnet.studio.unchanged import kept_until_changed


def test_a_folder_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    reads: list[Path] = []

    @kept_until_changed
    def names(folder: Path) -> list[str]:
        reads.append(folder)
        return sorted(entry.name for entry in folder.iterdir())

    def long_ago(seconds: int) -> None:
        os.utime(tmp_path, (time.time() - seconds,) * 2)

    (tmp_path / "a").touch()
    assert names(tmp_path) == names(tmp_path) == ["a"]
    assert len(reads) == 2, "it has just changed, and may change again under the same time"
    long_ago(100)
    assert names(tmp_path) == names(tmp_path) == ["a"]
    assert len(reads) == 3
    (tmp_path / "b").touch()
    assert names(tmp_path) == ["a", "b"]
    long_ago(50)
    assert names(tmp_path) == ["a", "b"]


def test_a_job_that_is_added_is_among_the_jobs(tmp_path: Path) -> None:
    for number in range(1, 4):
        add_job(tmp_path, Request(kind="train", words=("train",), run="x"))
        assert [job.number for job in all_jobs(tmp_path)] == list(range(1, number + 1))
        os.utime(tmp_path, (time.time() - 100 + number,) * 2)
        assert len(all_jobs(tmp_path)) == number
