"""The result of a fit, and the result of a finished run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from alexnet.evaluation.views import most_views
from alexnet.i18n.notebook import html_table, with_interval
from alexnet.i18n.units import percent
from alexnet.inference.familiarity import Familiarity
from alexnet.models.image_model import ImageModel
from alexnet.recipes.recipe import Recipe, views_of
from alexnet.storage.files import read_record


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """The result of a finished run; its keys are those of `alexnet train --json`. Files of earlier versions may lack keys with defaults."""

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
    predict_milliseconds: float = 0.0  # per decoded image, in batches
    peak_memory_bytes: int | None = None  # of the whole run; None if the system does not report it
    baseline: dict[str, Any] | None = None  # the hand-crafted baseline of a network
    candidates: tuple[dict[str, Any], ...] = ()  # of a search: model, validation_error (None without a result) and seconds of each attempt
    choice: str = ""  # of a search: how many systems were tried, and which came second
    remarks: tuple[str, ...] = ()  # a sentence each: no better than chance, or than the baseline

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        rows = [
            ("test error", with_interval(self.test_error, self.test_interval)),
            ("validation error", percent(self.validation_error)),
            ("pictures", f"{self.n_train:,} to train on, {self.n_test:,} to test"),
            ("parameters", f"{self.parameters:,}"),
            ("seconds", f"{self.seconds:,.1f}"),
            ("report", self.report),
            *(("remark", remark) for remark in self.remarks),
        ]
        return html_table(f"{self.model}, {self.recipe}: {self.run}", rows)


def read_result(path: Path) -> Result:
    """The result in a finished run's result.json; raises BadRun if the file is damaged."""
    return read_record(path, Result)


REPORT_SECONDS = 3.0  # reserved in a budget for the report and the last files


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """The model with the weights, or the value of C, that validation chose.

    seconds: of fitting alone. images_per_second: training images per second of training or feature extraction. history: one row per epoch,
    empty for a hand-crafted system. machine: the spec of the SVM on frozen or hand-crafted features. solver: the solution of its problem.
    familiarity: where the hidden layers of all images were at hand. validation_balanced_error: the mean of the classes' errors, where it
    was measured. balanced: whether all classes of an SVM weigh the same.
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
    familiarity: Familiarity | None = None
    validation_balanced_error: float | None = None
    balanced: bool | None = None


def crops_per_image(recipe: Recipe) -> int:
    """The number of crops of each test image in the recipe's views."""
    return sum(most_views(view) for view in views_of(recipe.views))
