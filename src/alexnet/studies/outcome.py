"""What one run of an arm has given, as values and as a file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from alexnet.errors import BadRun
from alexnet.storage.files import write_atomically
from alexnet.storage.records import convert, read_json


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One arm with one seed. Errors are shares, 0 to 1; the judged images are the test images, or validation where there is no test.

    wrong: of each judged image, in the order of the split, whether its class was missed. training_error: of the finished network on
    training images as they are, without augmentation and dropout. history: one row an epoch. gradients and outputs: of each layer before
    training, over one batch: norm of the loss's gradient by the layer's weights; mean absolute value of what the layer, with all that
    follows it up to the next, gives. failure: why there is no result; then the rest is empty.
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
    evaluation_seconds: float = 0.0  # of looking at the judged images and at training images
    overhead_seconds: float = 0.0  # of everything before the fit: splits, images, their mean
    n_train: int = 0
    parameters: int = 0
    macs: int = 0
    memory_bytes: int | None = None
    history: Sequence[Mapping[str, float]] = ()
    gradients: Mapping[str, float] = field(default_factory=dict)
    outputs: Mapping[str, float] = field(default_factory=dict)
    per_class: Mapping[str, float] = field(default_factory=dict)  # error of each class
    failure: str | None = None


def write_outcome(outcome: Outcome, path: Path) -> None:
    """Write it whole; `wrong` as a text of 0 and 1."""
    values = asdict(outcome) | {"wrong": "".join("01"[one] for one in outcome.wrong)}
    write_atomically(path, json.dumps(values, ensure_ascii=False, allow_nan=False))


def read_outcome(path: Path) -> Outcome:
    """Raises BadRun when the file is damaged."""
    try:
        values = read_json(path)
        wrong = [letter == "1" for letter in convert(str, values.get("wrong"), "wrong")]
        return convert(Outcome, values | {"wrong": wrong})
    except (OSError, ValueError) as error:
        raise BadRun(f"{path} is damaged ({error}); delete {path.parent} and rerun the same command.") from None


def epochs_to(history: Sequence[Mapping[str, Any]], error: float) -> float | None:
    """Passes until the training error first falls to `error`, between two epochs in proportion; None where it never does.

    A row's training error is a mean over its epoch, so it stands for the middle of the epoch.
    """
    before_at, before = 0.0, None
    end = 0.0
    for row in history:
        middle, now = (end + row["epoch"]) / 2, row["training_error"]
        if now <= error:
            if before is None:
                return float(middle)
            return float(before_at + (middle - before_at) * (before - error) / (before - now))
        before_at, before, end = middle, now, row["epoch"]
    return None
