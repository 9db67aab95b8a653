"""Numbers and names as a reader wants them."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from alexnet.i18n.units import certainty, count, duration, number, percent, readable, short, toml_text


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
        (duration(3725.2), "1 h 2 min"),
        (duration(None), "–"),
    ],
)
def test_numbers_read_well(said: str, expected: str) -> None:
    assert said == expected


def test_names_stay_on_one_line_and_can_be_encoded() -> None:
    assert readable("nul\x00line\nbreak caf\udce9") == "nul\ufffdline break caf\ufffd"
    assert short("abcdefgh", 5) == "abcd…"


def test_recipe_reads_as_toml() -> None:
    recipe = {"name": 'a "b"', "none": None, "training": {"on": True, "steps": (1, 2), "deep": {"x y": float("inf"), "at": Path("runs")}}}
    expected = {"name": 'a "b"', "training": {"on": True, "steps": [1, 2], "deep": {"x y": float("inf"), "at": "runs"}}}
    assert tomllib.loads(toml_text(recipe)) == expected
