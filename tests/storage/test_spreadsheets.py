"""Cells that a spreadsheet would run as formulas are text, and come back as they were."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.storage.spreadsheet_cells import FORMULAS, OTHERS

from alexnet.storage.spreadsheets import cell, csv_text, rows_of, value_of


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_are_text(name: str) -> None:
    assert cell(name) == f"'{name}"
    assert value_of(cell(name)) == name


@pytest.mark.parametrize("value", [-0.5, *OTHERS])
def test_all_else_stays(value: object) -> None:
    assert cell(value) == str(value)
    assert value_of(str(value)) == str(value)


@given(st.lists(st.text(), min_size=1, max_size=3), st.sampled_from(["", "=", "'", "'+", "@", "-"]))
def test_every_name_comes_back(names: list[str], start: str) -> None:
    names = [start + name.encode("utf-8", "replace").decode() for name in names]
    columns = [f"c{number}" for number in range(len(names))]
    (row,) = rows_of(io.StringIO(csv_text([columns, names]), newline=""))
    assert list(row.values()) == names
    for written in next(iter(list(csv.reader(io.StringIO(csv_text([names]), newline="")))), []):
        assert written[:1] not in ("=", "+", "@", "\t", "\r")
