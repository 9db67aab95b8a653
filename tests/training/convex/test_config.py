"""What a solver's fields may hold, and what is said where they do not."""

import pytest

from alexnet.errors import BadRecipe
from alexnet.training.convex.config import SolverConfig


def test_strengths_are_read_in_order_and_once() -> None:
    assert SolverConfig(strengths=" 10, 0.1,1, 1e0").strength_values == (0.1, 1.0, 10.0)
    assert SolverConfig().strength_values == ()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("kernel", "cosine", "solver.kernel is 'cosine'; it can be '', 'linear', 'rbf', 'chi2', 'intersection'"),
        ("map", "some", "solver.map is 'some'; it can be 'auto', 'exact', 'explicit'"),
        ("epochs", -1, "solver.epochs is -1; it must be at least 1, or 0"),
        ("batch_size", 0, "solver.batch_size is 0"),
        ("components", -1, "solver.components is -1"),
        ("exact_limit", 0, "solver.exact_limit is 0"),
        ("gamma", -0.5, "solver.gamma is -0.5; it must be above 0, or 0"),
        ("gamma", float("nan"), "solver.gamma is nan"),
        ("tolerance", 1.0, "solver.tolerance is 1.0; it is a share"),
        ("strengths", "1,two", "solver.strengths is '1,two'; it must be numbers above 0"),
        ("strengths", "0,1", "solver.strengths is '0,1'"),
        ("strengths", "nan", "solver.strengths is 'nan'"),
    ],
)
def test_impossible_values_are_refused(field: str, value: object, message: str) -> None:
    with pytest.raises(BadRecipe, match=message.replace("(", r"\(")):
        SolverConfig(**{field: value})  # type: ignore[arg-type]
