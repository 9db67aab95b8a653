"""What a solver's fields may hold, and what is said where they do not."""

import pytest

from alexnet.errors import BadRecipe
from alexnet.training.svm.config import LONG, SolverConfig


def test_strengths_are_read_in_order_and_once() -> None:
    assert SolverConfig(strengths=" 10, 0.1,1, 1e0").strength_values == (0.1, 1.0, 10.0)
    assert SolverConfig().strength_values == ()


def test_features_decide_the_method_unless_it_is_said() -> None:
    assert [SolverConfig().method_for(inputs) for inputs in (64, LONG, LONG + 1, 82_000)] == ["primal", "primal", "descent", "descent"]
    assert [SolverConfig(method="dual").method_for(inputs) for inputs in (64, 82_000)] == ["dual", "dual"]


def test_few_rows_are_passed_over_more_often() -> None:
    assert [SolverConfig().passes_for("descent", n) for n in (7, 3_000, 10_000, 45_000)] == [8_572, 20, 6, 6]
    assert [SolverConfig().passes_for("dual", n) for n in (10_000, 45_000)] == [20, 8]
    assert SolverConfig().passes_for("primal", 7) == 60
    assert SolverConfig(epochs=3).passes_for("descent", 7) == 3


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("kernel", "cosine", "solver.kernel is 'cosine'; it can be '', 'linear', 'rbf', 'chi2', 'intersection'"),
        ("map", "some", "solver.map is 'some'; it can be 'auto', 'exact', 'explicit'"),
        ("method", "sgd", "solver.method is 'sgd'; it can be 'auto', 'descent', 'dual', 'primal'"),
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
