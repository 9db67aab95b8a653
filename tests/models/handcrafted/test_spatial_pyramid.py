"""The spatial pyramid: its cells part the descriptors, in reading order."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from alexnet.models.handcrafted.grid import Grid
from alexnet.models.handcrafted.spatial_pyramid import Cells

LEVELS = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=3)
CENTRES = st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32)), min_size=1, max_size=40)


def listed(cells: Cells) -> list[list[int]]:
    return [list(range(cells.positions)) if inside is None else inside.tolist() for inside in cells.places()]


@given(levels=LEVELS, centres=CENTRES)
def test_each_level_is_complete_and_disjoint(levels: list[tuple[int, int]], centres: list[tuple[float, float]]) -> None:
    cells = Cells(torch.tensor(centres), levels)
    places = listed(cells)
    assert cells.count == len(places) == sum(columns * rows for columns, rows in levels)
    assert cells.levels == len(levels)
    for columns, rows in levels:
        level, places = places[: columns * rows], places[columns * rows :]
        assert sorted(place for cell in level for place in cell) == list(range(len(centres)))
        for number, cell in enumerate(level):
            assert cell == sorted(cell)
            for place in cell:
                x, y = centres[place]
                assert min(int(x * columns), columns - 1) + columns * min(int(y * rows), rows - 1) == number


def test_levels_stand_one_after_the_other_and_cells_row_by_row() -> None:
    centres = torch.tensor([(0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9), (0.6, 0.9)])
    assert listed(Cells(centres, [(1, 1), (2, 2), (1, 2)])) == [[0, 1, 2, 3, 4], [0], [1], [2], [3, 4], [0, 1], [2, 3, 4]]


def test_cells_of_a_grid_with_an_even_side_hold_equally_many() -> None:
    grid = Grid(32, bin_size=3, step=4)
    assert grid.across == 6
    assert [len(cell) for cell in listed(Cells(grid.centres, [(2, 2), (3, 3), (1, 3)]))] == [9] * 4 + [4] * 9 + [12] * 3


def test_a_level_may_be_named_twice_and_cells_may_be_empty() -> None:
    cells = Cells(torch.tensor([(0.5, 0.5)]), [(2, 2), (2, 2)])
    assert listed(cells) == 2 * [[], [], [], [0]]


def test_cells_are_not_saved_and_go_where_the_module_goes() -> None:
    cells = Cells(torch.tensor([(0.1, 0.1), (0.9, 0.9)]), [(1, 1), (2, 2)])
    assert cells.state_dict() == {}
    assert all(inside is None or inside.is_meta for inside in cells.to("meta").places())
