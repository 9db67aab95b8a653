"""Items as columns: the same items, whatever their names."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.data.dataset import SPLIT_NAMES, Item
from alexnet.data.item_table import CHUNK, ItemTable

ITEMS = st.lists(st.builds(Item, st.text(max_size=20), st.integers(0, 2**31 - 1), st.sampled_from([None, *SPLIT_NAMES])), max_size=30)


@given(ITEMS.filter(lambda items: all(item.name.isprintable() for item in items)))
def test_a_table_is_its_items(items: list[Item]) -> None:
    table = ItemTable.of(items)
    assert len(table) == len(items)
    assert list(table) == [table[place] for place in range(len(table))] == items
    assert table[2:7] == tuple(items[2:7])
    assert list(reversed(table)) == items[::-1]


def test_a_name_that_is_not_utf8_survives() -> None:
    name = b"cats/\xff.jpg".decode("utf-8", "surrogateescape")
    assert ItemTable.of([Item(name, 0, None)])[0].name == name


def test_past_the_end_is_an_index_error() -> None:
    table = ItemTable.of([Item("a", 0, None)])
    assert table[-1].name == "a"
    with pytest.raises(IndexError):
        table[1]


def test_a_table_longer_than_a_chunk() -> None:
    count = CHUNK + 3
    names = np.frombuffer(b"ab" * count, np.uint8)
    labels = np.arange(count, dtype=np.int32)
    table = ItemTable(names=names, ends=np.arange(2, 2 * count + 1, 2), labels=labels, splits=np.zeros(count, np.int8))
    assert [item.label for item in table] == labels.tolist()
    assert {item.name for item in table} == {"ab"}
