"""Numbers and names as a reader wants them."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alexnet.errors import BadRecipe
from alexnet.i18n.phrases import PageWords, size
from alexnet.i18n.translate import Lang
from alexnet.i18n.units import certainty, count, data_size, duration, number, percent, readable, seconds_of, short, toml_text


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (percent(0.087), "8.7%"),
        (percent(0.0004), "0.04%"),
        (percent(1.0), "100.0%"),
        (percent(float("nan")), "–"),
        (certainty(0.984), "98%"),
        (certainty(0.9999), "over 99%"),
        (count(60_965_224), "60,965,224"),
        (number(60_965_224), "61.0 million"),
        (number(720_351_776), "720 million"),
        (number(np.float32(0.5)), "0.5"),
        (duration(3.21), "3.2 s"),
        (duration(260), "4 min 20 s"),
        (number(999.95e6), "1.00 billion"),
        (number(999_999.6), "1.00 million"),
        (number(9_999_600), "10.0 million"),
        (PageWords("zh").number(99_999_999), "1.00 亿"),
        (PageWords("zh").number(9_999_400), "1000 万"),
        (size(999_960), "1 MB"),
        (size(999_960_000), "1 GB"),
        (data_size(412_345), "412 kB"),
        (data_size(8_200_000_000, tenths=True), "8.2 GB"),
        (data_size(50_000_000, tenths=True), "50.0 MB"),
        (data_size(3, tenths=True), "3 B"),
        (duration(3725.2), "1 h 2 min"),
        (duration(9.96), "10 s"),
        (duration(59.4), "59 s"),
        (duration(59.7), "1 min"),
        (duration(119.7), "2 min"),
        (duration(3599.7), "1 h"),
        (PageWords("zh").duration(59.7), "1 分"),
        (duration(None), "–"),
    ],
)
def test_numbers_read_well(said: str, expected: str) -> None:
    assert said == expected


SECONDS_IN = {"s": 1, "min": 60, "h": 3600, "秒": 1, "分": 60, "小时": 3600}
LARGEST = {"s": 60, "min": 60, "秒": 60, "分": 60}
SIZES = {"million": 1e6, "billion": 1e9, "万": 1e4, "亿": 1e8, "B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


def seconds_shown(text: str) -> float:
    """The time that a text names, once it is checked that no unit holds a whole one of the next."""
    words = text.split()
    parts = [(float(amount), unit) for amount, unit in zip(words[::2], words[1::2], strict=True)]
    assert all(amount < LARGEST.get(unit, float("inf")) for amount, unit in parts), text
    return sum(amount * SECONDS_IN[unit] for amount, unit in parts)


def value_shown(text: str) -> float:
    """The number that a text names."""
    figure, *unit = text.split()
    return float(figure.replace(",", "")) * SIZES[unit[0]] if unit else float(figure.replace(",", ""))


Times = st.floats(0, 1e6) | st.integers(0, 5_000).flatmap(lambda whole: st.floats(whole - 0.6, whole + 0.6).map(abs))


@given(Times, Times, st.sampled_from(["en", "zh"]))
@example(59.4, 59.5, "en")
@example(9.94, 9.96, "zh")
def test_longer_times_never_look_shorter(one: float, other: float, lang: Lang) -> None:
    shorter, longer = (seconds_shown(PageWords(lang).duration(seconds)) for seconds in sorted((one, other)))
    assert shorter <= longer
    assert shorter == pytest.approx(min(one, other), abs=0.0501 if min(one, other) < 9.9 else 0.51 if min(one, other) < 3599 else 60.5)


Near = st.sampled_from([1e2, 1e3, 1e4, 1e6, 1e7, 1e8, 1e9, 1e10, 1e12]).flatmap(
    lambda unit: st.floats(0.998, 1.002).map(lambda f: f * unit)
)
Values = st.floats(1, 9e11) | st.integers(0, 10**11).map(float) | Near


@given(Values, Values, st.sampled_from(["en", "zh"]))
def test_larger_numbers_never_look_smaller(one: float, other: float, lang: Lang) -> None:
    smaller, larger = sorted((one, other))
    for shown in (PageWords(lang).number, size):
        assert value_shown(shown(smaller)) <= value_shown(shown(larger)) * (1 + 1e-12)
        assert value_shown(shown(smaller)) == pytest.approx(smaller, rel=0.0051, abs=0.51)


@given(Values)
def test_no_unit_holds_a_thousand_of_itself(value: float) -> None:
    for text in (PageWords("en").number(value), size(value)):
        figure, *unit = text.split()
        assert not unit or unit[0] in {"billion", "TB"} or float(figure) < 1000
        assert "e+" not in figure or unit == ["TB"]
    figure, *unit = PageWords("zh").number(value).split()
    assert unit != ["万"] or float(figure) < 10_000


def test_names_stay_on_one_line_and_can_be_encoded() -> None:
    assert readable("nul\x00line\nbreak caf\udce9") == "nul\ufffdline break caf\ufffd"
    assert readable("evil\u202egpj.exe\u2066 חתול") == "evil\ufffdgpj.exe\ufffd חתול"
    assert short("abcdefgh", 5) == "abcd…"


def test_recipe_reads_as_toml() -> None:
    recipe = {"name": 'a "b"', "none": None, "training": {"on": True, "steps": (1, 2), "deep": {"x y": float("inf"), "at": Path("runs")}}}
    expected = {"name": 'a "b"', "training": {"on": True, "steps": [1, 2], "deep": {"x y": float("inf"), "at": "runs"}}}
    assert tomllib.loads(toml_text(recipe)) == expected


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        ("90s", 90),
        ("3 minutes", 180),
        ("3 min", 180),
        ("1 minute", 60),
        ("90 seconds", 90),
        ("2 hours", 7200),
        ("1h30m", 5400),
        ("1 h 2 min", 3720),
        ("1.5h", 5400),
        (" 10 M ", 600),
        ("10 分钟", 600),
        ("1小时30分", 5400),
        (30, 30),
        (0.5, 0.5),
    ],
)
def test_durations_as_people_write_them(duration: str | float, seconds: float) -> None:
    assert seconds_of(duration) == seconds


@pytest.mark.parametrize(
    ("duration", "message"),
    [
        ("10", "10 has no unit; write 10s, 10m or 10h"),
        ("1h30", "30 has no unit"),
        ("3 parsecs", "'parsecs' is not a unit of time"),
        ("3 months", "'months' is not a unit of time"),
        *((wrong, f"'{wrong}' is not a duration") for wrong in ("", "soon", "m", "-3m", "1,5h", "3m!", "1e3s")),
        ("0 minutes", "is not above zero"),
    ],
)
def test_what_is_no_duration_says_what_is_missing(duration: str, message: str) -> None:
    with pytest.raises(BadRecipe, match=re.escape(message)):
        seconds_of(duration)
