"""What a fit returns, and what a finished run says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from alexnet.models.base import ImageModel
from alexnet.recipes.recipe import Recipe, views_of
from alexnet.storage.files import read_record


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What a finished run says; the keys are the command line's. Those with defaults are not in the files of every earlier version."""

    run: str
    model: str
    recipe: str
    epochs: float
    seconds: float
    validation_error: float
    test_error: float | None  # None without a test set
    images_per_second: float = 0.0
    skipped: int = 0
    report: str = ""
    model_reason: str = ""
    n_train: int = 0
    n_test: int = 0
    test_interval: tuple[float, float] | None = None  # 95%
    parameters: int = 0
    macs: int = 0  # multiply-accumulates per image
    bytes: int = 0  # of the model's files
    predict_milliseconds: float = 0.0  # a decoded image, in batches
    peak_memory_bytes: int | None = None  # of the whole run; None where the system does not say
    baseline: dict[str, Any] | None = None  # the hand-crafted system beside a network


def read_result(path: Path) -> Result:
    """The result that a finished run's result.json holds; raises BadRun when it is damaged."""
    return read_record(path, Result)


REPORT_SECONDS = 3.0  # the report and the last files, kept free in a budget


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """The model with the weights or the strength that validation chose.

    seconds: of fitting alone. images_per_second: training images through steps, or through extraction. history: one row an epoch, empty
    where there are none. machine: the spec of what stands on frozen or hand-crafted features. solver: what the convex problem said.
    """

    model: ImageModel
    validation_error: float
    epochs: float
    seconds: float
    images_per_second: float
    parameters: int
    macs: int
    history: tuple[Mapping[str, float], ...] = ()
    layers: tuple[dict[str, Any], ...] = ()
    filters: Tensor | None = None
    machine: Mapping[str, Any] | None = None
    solver: Mapping[str, Any] = field(default_factory=dict)


def views_looked_at(recipe: Recipe) -> int:
    """How many crops of each test image the recipe's views look at."""
    return sum(10 if view == "ten" else 1 for view in views_of(recipe.views))
