"""What a report shows of a run, as values. Whoever trained or evaluated fills them; report.py draws them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from alexnet.evaluation.metrics import ReliabilityBin


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """An image that the model got wrong.

    image: uint8 (3, H, W). true, predicted: class names. probability: of the predicted class, 0 to 1.
    """

    image: Tensor
    name: str
    true: str
    predicted: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """Everything that the page shows of one run. Empty or None: that section says so, or is left out.

    history: one dict per epoch (or step) with any of epoch, step, training_loss, training_error, validation_loss, validation_error,
      learning_rate, images_per_second, seconds (since the start of training). Errors are shares, 0 to 1.
    evaluations: title ("test, centre crop") -> Evaluation.to_json(). The first one makes the headline. A title that contains
      "validation" or "training" is not announced as unseen images.
    reliability: the first evaluation's bins.
    filters: float (maps, channels, k, k). layers: dicts with name, kind, output, parameters, macs. published: (what, number, source).
    skipped: dicts with name, class_name, reason. seconds: of training; without it, the history's last.
    baseline, solver: any names and values, possibly nested. parameters, macs: of the model; without them, the sums of the layers.
    """

    title: str
    model: str
    model_reason: str
    recipe: Mapping[str, Any]
    recipe_name: str
    command: str
    dataset: str
    counts: Mapping[str, int]
    classes: Sequence[str]
    history: Sequence[Mapping[str, Any]] = ()
    evaluations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reliability: Sequence[ReliabilityBin] = ()
    mistakes: Sequence[Mistake] = ()
    filters: Tensor | None = None
    skipped: Sequence[Mapping[str, Any]] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    layers: Sequence[Mapping[str, Any]] = ()
    baseline: Mapping[str, Any] | None = None
    published: Sequence[tuple[str, Any, str]] = ()
    seconds: float | None = None
    solver: Mapping[str, Any] | None = None
    parameters: int | None = None
    macs: int | None = None
