"""The page of licences lists what the lock installs."""

import re
from pathlib import Path

from tools.licences import licence_of, page

ROOT = Path(__file__).parents[2]


def test_every_package_of_the_lock_is_listed_with_its_licence() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    written = (ROOT / "docs" / "licences.md").read_text("utf-8")
    assert written == page(lock)
    assert len(re.findall(r"^\| \S+ \| \d", written, re.MULTILINE)) == lock.count("==")
    assert "not stated" not in written


def test_a_licence_is_what_the_package_states() -> None:
    assert licence_of("filelock") == "MIT"
    assert "BSD" in licence_of("scipy")
