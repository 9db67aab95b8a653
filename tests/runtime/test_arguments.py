"""What Python callers hand in: of the right kind, or one message."""

from pathlib import Path

import numpy as np
import pytest

from alexnet.errors import AlexNetError, BadRun
from alexnet.runtime.arguments import one_of, path_from, whole_number


def test_paths(tmp_path: Path) -> None:
    assert path_from("a/b", "The run folder") == Path("a/b")
    assert path_from(tmp_path, "The run folder") == tmp_path
    assert path_from(tmp_path / "nowhere" / "x", "The run folder") == tmp_path / "nowhere" / "x"


@pytest.mark.parametrize("value", [None, 3, b"x", "", [], "\0", "a" * 5000, "\ud800", object()])
def test_what_is_no_path(value: object) -> None:
    with pytest.raises(BadRun, match=r"^The run folder is "):
        path_from(value, "The run folder", BadRun)


def test_whole_numbers() -> None:
    assert [whole_number(value, "top", least=0) for value in (0, 7, np.int64(7))] == [0, 7, 7]
    assert type(whole_number(np.int64(7), "top", least=0)) is int


@pytest.mark.parametrize("value", [None, "3", 2.0, float("nan"), True, [3], np.zeros(3), -1])
def test_what_is_no_whole_number(value: object) -> None:
    with pytest.raises(AlexNetError, match=r"^top is .*; it must be a whole number, at least 0\.$"):
        whole_number(value, "top", least=0)


def test_words() -> None:
    assert one_of("ten", "view", ("centre", "ten")) == "ten"
    with pytest.raises(AlexNetError, match="There is no view 'front'; use centre, ten"):
        one_of("front", "view", ("centre", "ten"))
    for value in (None, 3, ["ten"], np.zeros(3)):
        with pytest.raises(AlexNetError, match=r"There is no view .*; use centre, ten"):
            one_of(value, "view", ("centre", "ten"))
