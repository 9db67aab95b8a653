"""Work by threads: the order of the results, how far ahead it runs, and what is left when it stops."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alexnet.runtime.thread_pool import AHEAD, map_in_order


@given(st.lists(st.integers(), max_size=50), st.integers(0, 3))
def test_results_come_in_the_order_of_the_items(items: list[int], threads: int) -> None:
    assert list(map_in_order(lambda item: 2 * item, items, threads=threads)) == [2 * item for item in items]


def test_threads_are_only_a_few_items_ahead() -> None:
    begun: list[int] = []

    def items() -> Iterator[int]:
        for index in range(1000):
            begun.append(index)
            yield index

    with closing(map_in_order(str, items(), threads=2)) as found:
        for index, text in enumerate(found):
            assert text == str(index)
            assert len(begun) <= index + 2 + AHEAD * 2
    assert len(begun) == 1000


def test_a_mistake_in_the_work_reaches_the_caller_in_its_turn() -> None:
    with closing(map_in_order(lambda item: 6 // item, [3, 2, 0, 1], threads=2)) as found:
        assert (next(found), next(found)) == (2, 3)
        with pytest.raises(ZeroDivisionError):
            next(found)


def test_threads_end_when_the_caller_stops() -> None:
    before = threading.active_count()
    with closing(map_in_order(str, range(10_000), threads=3)) as found:
        assert next(found) == "0"
    assert threading.active_count() == before


def test_torch_computes_with_one_thread_inside_and_as_before_outside() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert set(map_in_order(lambda _: torch.get_num_threads(), range(10), threads=2)) == {1}
        assert torch.get_num_threads() == 3
        other: list[int] = []
        thread = threading.Thread(target=lambda: other.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert other == [3]
    finally:
        torch.set_num_threads(before)
