"""What Python callers hand to train, compare and study: the kinds that are taken, and the message for the others."""

from pathlib import Path

import numpy as np
import pytest

from alexnet.errors import AlexNetError, BadRecipe
from alexnet.i18n.units import seconds_of
from alexnet.runs.arguments import as_duration, check_kinds


def test_what_is_taken(tmp_path: Path) -> None:
    check_kinds(model=None, recipe=None, budget=None, overrides=None)
    check_kinds(model="lenet", recipe="quick", out="runs/x", weights=tmp_path / "w.pth", splits=Path("splits.json"))
    check_kinds(epochs=0.5, seed=0, image_size=32, workers=0, budget=30, layout="data", overrides={"training.epochs": 1})
    check_kinds(models="a,b", fractions=[0.1, 1], seeds=2, budget="30s", claims=("dropout",), on="local", processes=1)


NUMBERS: list[object] = ["3", b"x", [], {}, object(), np.zeros(3), float("nan"), True]
OTHERS: list[object] = [3, 2.5, b"x", [], {}, object(), np.zeros(3), True]


@pytest.mark.parametrize(
    ("names", "values"),
    [
        (("seed", "seeds", "image_size", "workers", "processes", "epochs"), NUMBERS),
        (("model", "layout", "on"), OTHERS),
        (("out", "splits", "weights", "recipe"), [*OTHERS, "", "\0", "a" * 5000]),
        (("models", "claims"), [3, 2.5, b"x", {}, object(), np.zeros(3), True, [3]]),
        (("fractions",), [3, 2.5, b"x", {}, object(), np.zeros(3), True, ["x"], [float("inf")]]),
        (("budget",), [b"x", [], {}, object(), np.zeros(3), float("nan"), float("inf"), True]),
        (("overrides",), ["x", "", 3, [], b"x", object(), np.zeros(3), {3: 4}]),
    ],
)
def test_what_is_not(names: tuple[str, ...], values: list[object]) -> None:
    for name in names:
        for value in values:
            with pytest.raises(AlexNetError, match=f"^{name} is "):
                check_kinds(**{name: value})


def test_workers_are_not_below_none() -> None:
    with pytest.raises(AlexNetError, match="workers is -1; it must be 0 or more"):
        check_kinds(workers=-1)


@pytest.mark.parametrize(("budget", "seconds"), [(30, 30.0), (0.5, 0.5), (1e7, 1e7), ("1h30m", 5400.0), (np.float64(90), 90.0)])
def test_a_number_of_seconds_is_a_duration(budget: str | float, seconds: float) -> None:
    text = as_duration(budget)
    assert text is not None
    assert seconds_of(text) == seconds


def test_a_budget_below_nothing() -> None:
    text = as_duration(-3)
    assert text is not None
    with pytest.raises(BadRecipe, match="'-3s' is not a duration"):
        seconds_of(text)


def test_no_budget_stays_none() -> None:
    assert as_duration(None) is None
