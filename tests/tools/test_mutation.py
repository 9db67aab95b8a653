"""What is changed in a module, and that its tests see the change."""

import random
import sys
from pathlib import Path

import pytest

pytest.importorskip("mutmut", reason="mutmut is in the group dev")

from tools.mutation import SUBJECTS, Mutant, mutated

ROOT = Path(__file__).parents[2]
SOURCE = '''"""A module."""

import math


def larger(x: int, y: float = 1.5) -> bool:
    """Whether x is larger."""
    return x > y
'''


def test_comparisons_and_numbers_change_and_docstrings_imports_and_types_do_not() -> None:
    changed = {SOURCE.replace("1.5", "2.5"), SOURCE.replace("x > y", "x >= y")}
    assert mutated(SOURCE, 10, random.Random(0)) == (2, sorted(changed, key=lambda source: source.index("y:") + (">=" in source)))


def test_the_sample_is_that_of_its_seed() -> None:
    source = SOURCE + "SUM = 1 + 2 * 3 - 4\n"
    many, some = mutated(source, 3, random.Random(1))
    assert many > len(some) == 3
    assert mutated(source, 3, random.Random(1))[1] == some
    assert all(changed != source for changed in some)


def test_a_module_is_imported_from_the_changed_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [Mutant("changed_module", Path("changed.py"), "answer = 42\n"), *sys.meta_path])
    import changed_module  # type: ignore[import-not-found]

    monkeypatch.delitem(sys.modules, "changed_module")
    assert (changed_module.answer, changed_module.__file__) == (42, "changed.py")


@pytest.mark.parametrize("name", SUBJECTS)
def test_each_module_and_its_tests_are_there(name: str) -> None:
    assert (ROOT / "src" / Path(*name.split(".")).with_suffix(".py")).is_file()
    assert all((ROOT / test).is_file() for test in SUBJECTS[name])
