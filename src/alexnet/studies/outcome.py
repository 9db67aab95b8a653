"""The outcome of one run of an arm, as values and as a file."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from alexnet.errors import BadRun
from alexnet.storage.files import write_atomically
from alexnet.storage.records import convert, read_json
from alexnet.studies.bounds import AMOUNT, FACTOR, SHARE, SIGNAL, check, check_curve
from alexnet.studies.claim import Measure

BITS = ("wrong", "moved", "probed")  # fields of an outcome that are written as strings of 0 and 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One arm with one seed. Errors are shares, 0 to 1; the judged images are the test images, or validation if there is no test set.

    wrong: for each judged image, in the order of the split, whether it was misclassified. training_error: of the finished network on
    training images, without augmentation and dropout. history: one row per epoch. gradients: per layer, the norm of the gradient of the
    loss with respect to its weights; outputs: per layer, the mean absolute value of the next layer's input; both before training, over one
    batch. failure: why there is no result; then the rest is empty.

    Where a claim asks for it, which `measured` says: the gradients after the first epoch and at the end, over the same batch;
    step_times: seconds of a "forward" pass and of a whole "step" in multiples of the same network with ReLU; probes: the error of a linear
    machine on each layer, and probed: of the one on the last hidden layer, for some judged images, whether it misclassified them.
    """

    key: str  # the recipe's digest
    seed: int
    judged: str = "test"
    judged_error: float | None = None
    validation_error: float | None = None
    training_error: float | None = None
    wrong: Sequence[bool] = ()
    epochs: float = 0.0
    seconds: float = 0.0  # of training
    evaluation_seconds: float = 0.0  # on the judged images and on training images
    overhead_seconds: float = 0.0  # before training: splits, images, their mean
    n_train: int = 0
    parameters: int = 0
    macs: int = 0
    memory_bytes: int | None = None
    history: Sequence[Mapping[str, float]] = ()
    gradients: Mapping[str, float] = field(default_factory=dict)
    outputs: Mapping[str, float] = field(default_factory=dict)
    per_class: Mapping[str, float] = field(default_factory=dict)  # error of each class
    moved: Sequence[bool] = ()  # of some judged images: whether the prediction changes when the image moves by 1, 2 or 3 px
    measured: Sequence[Measure] = ()  # of ON_REQUEST
    gradients_epoch: Mapping[str, float] = field(default_factory=dict)
    gradients_end: Mapping[str, float] = field(default_factory=dict)
    step_times: Mapping[str, float] = field(default_factory=dict)
    probes: Mapping[str, float] = field(default_factory=dict)
    probed: Sequence[bool] = ()
    failure: str | None = None

    def check(self) -> None:
        """Raise ValueError for a number that no run measures."""
        check(
            SHARE,
            "an error",
            [self.judged_error, self.validation_error, self.training_error, *self.per_class.values(), *self.probes.values()],
        )
        check(AMOUNT, "epochs", [self.epochs])
        check(AMOUNT, "seconds", [self.seconds, self.evaluation_seconds, self.overhead_seconds])
        signals = (self.gradients, self.gradients_epoch, self.gradients_end, self.outputs)
        check(SIGNAL, "a layer's gradient or output", [value for one in signals for value in one.values()])
        check(FACTOR, "the time of a step", self.step_times.values())
        check_curve(self.history)


@dataclass(frozen=True, kw_only=True, slots=True)
class RateTried:
    """One learning rate of an arm's search, with its validation error and its epochs to the target error; None: failed, not reached."""

    rate: float
    validation_error: float | None = None
    epochs_to_target: float | None = None


def write_outcome(outcome: Outcome, path: Path) -> None:
    """Write the outcome atomically; its BITS become strings of 0 and 1."""
    values = asdict(outcome) | {name: "".join("01"[one] for one in getattr(outcome, name)) for name in BITS}
    write_atomically(path, json.dumps(values, ensure_ascii=False, allow_nan=False))


def read_outcome(path: Path) -> Outcome:
    """The outcome in a file; raises BadRun if it is damaged."""
    try:
        values = read_json(path)
        bits = {name: [letter == "1" for letter in convert(str, values.get(name, ""), name)] for name in BITS}
        outcome = convert(Outcome, values | bits)
        outcome.check()
        return outcome
    except (OSError, ValueError) as error:
        raise BadRun(f"{path} is damaged ({error}); delete {path.parent} and rerun the same command.") from None


def epochs_to(history: Sequence[Mapping[str, Any]], error: float) -> float | None:
    """Epochs until the training error first falls to `error`, interpolated linearly between epochs; None if it never does.

    The training error of a row is a mean over its epoch, so it is placed at the middle of the epoch.
    """
    before_at, before = 0.0, None
    end = 0.0
    for row in history:
        if not {"epoch", "training_error"} <= row.keys():  # of a file that was changed
            continue
        middle, now = (end + row["epoch"]) / 2, row["training_error"]
        if now <= error:
            if before is None:
                return float(middle)
            return float(before_at + (middle - before_at) * (before - error) / (before - now))
        before_at, before, end = middle, now, row["epoch"]
    return None


def best_rate(tried: Sequence[RateTried], measure: Measure) -> float:
    """The rate with the lowest validation error (for epochs, the one that learns fastest); of equal ones, the nearest to the middle."""
    middle = math.log(tried[len(tried) // 2].rate)

    def rank(one: RateTried) -> tuple[float, float]:
        found = one.epochs_to_target if measure == "epochs" else one.validation_error
        return math.inf if found is None else found, abs(math.log(one.rate) - middle)

    return min(tried, key=rank).rate
