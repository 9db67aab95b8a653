"""Stand-ins for the trainings of a comparison: scikit-learn's models on its digits, fitted in milliseconds, with real answers.

What they write is what a comparison reads of a run folder: recipe.toml, result.json, model/, predictions.csv, report.html.
"""

import csv
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from alexnet.comparison.compare import compare_with
from alexnet.comparison.results import Comparison
from alexnet.comparison.run_cells import Trainers
from alexnet.errors import Interrupted, TrainingFailed
from alexnet.evaluation.metrics import error_interval
from alexnet.runs.result import Result


class Means:
    """The nearest mean of a class: good with few images, and no better with many."""

    def fit(self, pixels: NDArray[np.float64], labels: NDArray[np.int64]) -> "Means":
        self.means = np.stack([pixels[labels == label].mean(axis=0) for label in range(10)])
        return self

    def predict(self, pixels: NDArray[np.float64]) -> NDArray[np.int64]:
        distances: NDArray[np.float64] = ((pixels[:, None] - self.means) ** 2).sum(axis=2)
        return np.asarray(distances.argmin(axis=1), dtype=np.int64)


MACHINES: dict[str, Callable[[], Any]] = {
    "raw-svm": lambda: DecisionTreeClassifier(random_state=0),
    "hog-svm": Means,
    "fisher-svm": lambda: LogisticRegression(max_iter=30, C=0.01),
    "lenet": lambda: KNeighborsClassifier(1),
    "alexnet-cifar-fast": SVC,
    "alexnet-cifar-fast+svm": GaussianNB,
}
SECONDS = {"raw-svm": 2.0, "hog-svm": 3.0, "fisher-svm": 30.0, "lenet": 60.0, "alexnet-cifar-fast": 120.0, "alexnet-cifar-fast+svm": 125.0}


@cache
def images(seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Images, classes, and a random order: 1,000 for training, of each class in turn; 197 for validation; 600 for the test."""
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(labels))
    turns = np.zeros(1000)
    for label in range(10):
        of_class = labels[order[:1000]] == label
        turns[of_class] = np.arange(of_class.sum())
    return pixels / 16, labels.astype(np.int64), np.concatenate([order[:1000][np.argsort(turns, kind="stable")], order[1000:]])


class Trainings:
    """Makes cells, and remembers which; `failing` models raise, and the one that `stop_at` names is stopped at."""

    def __init__(self, *, test_set: bool = True, failing: tuple[str, ...] = (), stop_at: str = "") -> None:
        self.test_set, self.failing, self.stop_at = test_set, failing, stop_at
        self.made: list[str] = []
        self.budgets: dict[str, str | None] = {}

    def compare(self, *, out: Path | None, **words: Any) -> Comparison:
        """A comparison on the digits whose cells are made here; words as `alexnet.compare` takes them."""
        asked = {name: words.pop(name, None) for name in ("models", "fractions", "seeds", "budget")}
        return compare_with(Trainers(self.train, self.freeze), "digits", asked, out=out, **words)

    def train(
        self, data: str, *, model: str, out: Path, seed: int, budget: str | None, overrides: dict[str, float], **words: Any
    ) -> Result:
        """Stands for runs.train.train."""
        assert words["resume"] is True
        assert words["baseline"] is False
        assert words["splits"].is_file()
        assert set(words) == {"resume", "baseline", "splits", "workers", "device", "listen", "should_stop"}
        self.budgets[out.name] = budget
        return self._make(model, out, seed, overrides["fraction"])

    def freeze(self, network: Path, out: Path, **words: Any) -> Result:
        """Stands for runs.linear_probe.fit_linear_probe."""
        assert set(words) == {"workers", "device", "listen", "should_stop"}
        assert (network / "result.json").exists()
        model, fraction, seed = out.name.rsplit("-", 2)
        return self._make(model, out, int(seed), float(fraction))

    def _make(self, model: str, out: Path, seed: int, fraction: float) -> Result:
        out.mkdir(parents=True, exist_ok=True)
        (out / "recipe.toml").write_text(f'name = "quick"\ndata = "digits"\nmodel = "{model}"\n', "utf-8")
        if out.name == self.stop_at:
            stop = Interrupted("Stopped after step 3; nothing is lost.")
            stop.add_note("Resume with: alexnet train --out somewhere --resume")
            raise stop
        if model in self.failing:
            raise TrainingFailed(f"the loss of {model} is <not> finite")
        self.made.append(out.name)
        return self._fit(model, out, seed, fraction)

    def _fit(self, model: str, out: Path, seed: int, fraction: float) -> Result:
        pixels, labels, order = images(seed)
        train, validation, test = order[: round(1000 * fraction)], order[1000:1197], order[1197:]
        fitted = MACHINES[model]().fit(pixels[train], labels[train])
        wrong = {split: fitted.predict(pixels[split_of]) != labels[split_of] for split, split_of in (("v", validation), ("t", test))}
        judged = test if self.test_set else validation
        _write_answers(out / "predictions.csv", judged, labels[judged], fitted.predict(pixels[judged]))
        result = Result(
            run=str(out),
            model=model,
            recipe="quick",
            epochs=1.0,
            seconds=SECONDS[model] * fraction,
            images_per_second=100.0,
            validation_error=float(wrong["v"].mean()),
            test_error=float(wrong["t"].mean()) if self.test_set else None,
            skipped=0,
            report=str(out / "report.html"),
            model_reason="it was requested",
            n_train=len(train),
            n_test=len(test) if self.test_set else 0,
            test_interval=error_interval(int(wrong["t"].sum()), len(test)) if self.test_set else None,
            parameters=61_706,
            macs=416_520,
            bytes=250_000,
            predict_milliseconds=SECONDS[model] / 100,
            peak_memory_bytes=None,
        )
        (out / "model").mkdir(exist_ok=True)
        (out / "report.html").write_text("<p>report</p>", "utf-8")
        (out / "result.json").write_text(json.dumps(asdict(result)), "utf-8")
        return result


def _write_answers(path: Path, indices: NDArray[np.int64], labels: NDArray[np.int64], predicted: NDArray[np.int64]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "class", "predicted", "probability"))
        writer.writerows((f"{label}/{index}.png", label, said, 0.5) for index, label, said in zip(indices, labels, predicted, strict=True))
