"""The fast hand-crafted system beside a network: is the deep model worth it on these pictures?

HOG with a linear machine, on the same pictures and the same split; a matter of seconds. It is fitted before the network, and the test
pictures are shown to it with the network, at the end.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray

from alexnet.data.pictures import Pictures
from alexnet.data.splits import Splits
from alexnet.evaluation.metrics import error_interval
from alexnet.experiments.gather import labels_of
from alexnet.experiments.runs import Run, read_object, write_whole
from alexnet.models.handcrafted.hog import HOG
from alexnet.training.convex.choose import choose
from alexnet.training.convex.config import SolverConfig
from alexnet.training.convex.features import FeatureSet
from alexnet.training.dictionaries import spread
from alexnet.training.events import Message

MODEL = "hog-svm"
ACROSS = 8  # HOG cells in a row
MOST = 60_000  # training pictures; with more, a seeded choice of them
MOST_SEEN = 10_000  # validation and test pictures each


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """What the hand-crafted system reached beside the network; errors are shares of the same validation and test pictures."""

    model: str
    kernel: str
    n_train: int
    validation_error: float
    test_error: float | None
    test_interval: tuple[float, float] | None
    n_test: int
    seconds: float
    relative_duality_gap: float


def fit_baseline(run: Run, pictures: Pictures, splits: Splits) -> Baseline:
    """Fit it, or read what was found before the run was interrupted."""
    if run.folder.baseline.exists():
        values = read_object(run.folder.baseline, [field.name for field in fields(Baseline)])
        interval = values["test_interval"]
        return Baseline(**values | {"test_interval": tuple(interval) if interval else None})
    found = _fitted(run, pictures, splits)
    write_whole(run.folder.baseline, json.dumps(asdict(found)))
    run.listen(Message(f"Baseline, {found.model} ({found.seconds:.0f} s): validation error {found.validation_error:.2%}."))
    return found


def _fitted(run: Run, pictures: Pictures, splits: Splits) -> Baseline:
    started, seed = time.monotonic(), run.recipe.seed
    hog = HOG(pictures.size, cell=max(2, pictures.size // ACROSS)).to(run.device)
    parts = [
        tuple(spread(part, most, seed)) for part, most in ((splits.train, MOST), (splits.validation, MOST_SEEN), (splits.test, MOST_SEEN))
    ]
    vectors = [_vectors(hog, pictures, part, run.device) for part in parts]
    train, validation, test = (FeatureSet(rows, labels_of(pictures, part)) for rows, part in zip(vectors, parts, strict=True))
    classes = len(run.dataset.classes)
    config = SolverConfig(kernel="linear")
    choice = choose(
        train, validation, classes=classes, kernel="linear", config=config, seed=seed, device=run.device, should_stop=run.should_stop
    )
    with torch.inference_mode():
        scores = choice.machine(torch.from_numpy(test.vectors.astype(np.float32)).to(run.device)).cpu() if len(test.labels) else None
    wrong = int((scores.argmax(1).numpy() != test.labels).sum()) if scores is not None else 0
    return Baseline(
        model=MODEL,
        kernel="linear",
        n_train=len(train.labels),
        validation_error=choice.validation_error,
        test_error=wrong / len(test.labels) if len(test.labels) else None,
        test_interval=error_interval(wrong, len(test.labels)) if len(test.labels) else None,
        n_test=len(test.labels),
        seconds=time.monotonic() - started,
        relative_duality_gap=choice.relative_gap,
    )


def _vectors(hog: HOG, pictures: Pictures, indices: Sequence[int], device: torch.device) -> NDArray[np.float16]:
    rows = np.empty((len(indices), hog.dimensions), np.float16)
    parts = [indices[start : start + 64] for start in range(0, len(indices), 64)]
    with torch.inference_mode():
        for number, images in enumerate(pictures.stream(parts)):
            rows[64 * number : 64 * number + len(images)] = hog(images.to(device)).cpu().numpy()
    return rows


def sentence(baseline: Baseline, error: float | None) -> str:
    """Whether the network is worth it: its test error beside the baseline's."""
    if baseline.test_error is None or error is None:
        return f"{baseline.model} has a validation error of {baseline.validation_error:.1%}."
    better = baseline.test_error - error
    if better > 0:
        return f"The network makes {error / baseline.test_error:.2f} times as many mistakes as {baseline.model}, fitted in {baseline.seconds:.0f} s."
    return f"{baseline.model}, fitted in {baseline.seconds:.0f} s, is at least as good: {baseline.test_error:.1%} against {error:.1%}."
