"""JSON read back as records: what is accepted, and what is said of the rest."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.errors import BadRun
from alexnet.storage import records
from alexnet.storage.files import read_record
from alexnet.storage.records import convert, parse_json, read_json


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    images: int
    order: Literal["seeded", "images"] = "seeded"


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    name: str
    error: float | None
    interval: tuple[float, float] | None = None
    errors: Sequence[float] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    bins: tuple[Bin, ...] = ()
    history: list[dict[str, float]] = field(default_factory=list)
    flip: bool = False
    more: Any = None

    def __post_init__(self) -> None:
        if self.error is not None and self.error < 0:
            raise ValueError("an error below 0")


WHOLE: dict[str, Any] = {
    "name": "lenet",
    "error": 0.25,
    "interval": [0.1, 0.4],
    "errors": [0.2, 1],
    "counts": {"cat": 3},
    "bins": [{"images": 4, "order": "images"}],
    "history": [{"epoch": 1}],
    "flip": True,
    "more": {"any": [None, "x"]},
}


def test_a_record_comes_back() -> None:
    read = convert(Measured, WHOLE)
    assert read == Measured(
        name="lenet",
        error=0.25,
        interval=(0.1, 0.4),
        errors=[0.2, 1.0],
        counts={"cat": 3},
        bins=(Bin(images=4, order="images"),),
        history=[{"epoch": 1.0}],
        flip=True,
        more={"any": [None, "x"]},
    )
    assert isinstance(read.bins, tuple)


def test_unknown_fields_are_ignored_and_missing_ones_have_their_defaults() -> None:
    assert convert(Measured, {"name": "lenet", "error": None, "carbon": 3, "\udcff": 1}) == Measured(name="lenet", error=None)


def test_names_and_words_of_earlier_versions() -> None:
    assert convert(Bin, {"pictures": 4, "order": "pictures"}) == Bin(images=4, order="images")
    assert convert(Bin, {"pictures": 4, "images": 5}) == Bin(images=5)
    keyed_by_class = {"name": "lenet", "error": 0, "counts": {"pictures": 3}}
    assert convert(Measured, keyed_by_class).counts == {"pictures": 3}, "names of classes are not ours"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": 3}, "name is 3, and must be text"),
        ({"error": True}, "error is True, and must be a finite number"),
        ({"error": math.nan}, "error is nan, and must be a finite number"),
        ({"error": 10**400}, "error is 1000.*…, and must be a finite number"),
        ({"error": 10**6000}, "error is a number of thousands of digits, and must be a finite number"),
        ({"error": -1.0}, "an error below 0"),
        ({"flip": 1}, "flip is 1, and must be true or false"),
        ({"interval": [1.0]}, r"interval is \[1.0\], and must be 2 values"),
        ({"interval": [1.0, "x"]}, r"interval\[1\] is 'x', and must be a finite number"),
        ({"errors": "0.1"}, "errors is '0.1', and must be a list"),
        ({"errors": [math.inf]}, r"errors\[0\] is inf"),
        ({"counts": {"a": 1, "b c": True}}, "counts.b c is True, and must be a whole number"),
        ({"counts": []}, r"counts is \[\], and must be an object"),
        ({"history": [{"loss": math.nan}]}, r"history\[0\].loss is nan"),
        ({"bins": [{"pictures": "x"}]}, r"bins\[0\].pictures is 'x', and must be a whole number"),
        ({"bins": [{"images": 1, "order": "none"}]}, r"bins\[0\].order is 'none', and must be seeded or images"),
        ({"more": [[[[[[[[[[[[[]]]]]]]]]]]]]}, "it holds a value that is nested too deeply"),
        ({"bins": [{}]}, r"bins\[0\] lacks images"),
        ({"bins": [3]}, r"bins\[0\] is 3, and must be an object"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        convert(Measured, WHOLE | change)


def test_all_missing_fields_are_named_and_a_value_may_have_a_name() -> None:
    with pytest.raises(ValueError, match=r"^it lacks name, error$"):
        convert(Measured, {})
    with pytest.raises(ValueError, match=r"^shape\[1\] is 'x', and must be a whole number$"):
        convert(tuple[int, ...], [1, "x"], "shape")
    with pytest.raises(ValueError, match=r"^the report lacks name"):
        convert(Measured, {}, "the report")


def test_infinity_where_it_is_allowed() -> None:
    assert convert(Measured, {"name": "lenet", "error": math.inf}, finite=False).error == math.inf
    assert math.isnan(convert(Measured, WHOLE | {"more": math.nan}).more)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*WHOLE, "images", "x"]), inner),
    )
)
def test_any_value_is_a_record_or_refused_in_one_sentence(value: Any) -> None:
    for name in WHOLE:
        try:
            convert(Measured, WHOLE | {name: value})
        except ValueError as error:
            assert name in str(error) or "below 0" in str(error)  # noqa: PT017 - either way is right


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Expecting value"),
        (b"[1]", "no JSON object"),
        (b'{"a": "\xff"}', "byte 7 cannot be decoded as UTF-8"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 6000 + b"}", "a number that is too large"),
        (b'{"a": 9223372036854775808}', "a number that is too large"),
    ],
)
def test_files_that_hold_no_object(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read_json(path)
    with pytest.raises(BadRun, match=rf"x\.json is damaged .*{said}"):
        read_record(path, Bin, "delete it.")


def test_what_a_file_may_hold(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1, "a": -9223372036854775807, "b": "\\udcff"}')
    assert read_json(path) == {"a": -(2**63 - 1), "b": "\udcff"}
    assert parse_json('{"a": 9223372036854775808}', largest=2**80) == {"a": 2**63}


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "LARGEST_FILE", 20)
    (tmp_path / "x.json").write_text('{"a": "0123456789"}')
    assert read_json(tmp_path / "x.json") == {"a": "0123456789"}
    (tmp_path / "x.json").write_text('{"a": "0123456789"}  ')
    with pytest.raises(ValueError, match="larger than 20 bytes"):
        read_json(tmp_path / "x.json")
