"""Train AlexNet, LeNet and the systems before them on your own pictures, and measure what the 2012 paper claims.

The library says the same words as the command line:

>>> result = alexnet.train("photos", model="alexnet", out="runs/photos")  # doctest: +SKIP
>>> alexnet.load("runs/photos").predict(["cat.jpg"])  # doctest: +SKIP

What is public is in `__all__`; it is imported when it is first asked for, so that importing this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alexnet.classifier import Classifier, Prediction, load
    from alexnet.data.datasets import open_dataset
    from alexnet.data.inspection import inspect
    from alexnet.errors import AlexNetError
    from alexnet.experiments.compare import compare
    from alexnet.experiments.comparison import Comparison
    from alexnet.experiments.conclude import Result
    from alexnet.experiments.measure import evaluate_run as evaluate
    from alexnet.experiments.studies.findings import StudyReport
    from alexnet.experiments.studies.study import study
    from alexnet.experiments.train import train

__version__ = "0.1.0"

__all__ = [
    "AlexNetError",
    "Classifier",
    "Comparison",
    "Prediction",
    "Result",
    "StudyReport",
    "__version__",
    "compare",
    "evaluate",
    "inspect",
    "load",
    "open_dataset",
    "study",
    "train",
]

_PLACES = {
    "AlexNetError": ("alexnet.errors", "AlexNetError"),
    "Classifier": ("alexnet.classifier", "Classifier"),
    "Comparison": ("alexnet.experiments.comparison", "Comparison"),
    "Prediction": ("alexnet.classifier", "Prediction"),
    "Result": ("alexnet.experiments.conclude", "Result"),
    "StudyReport": ("alexnet.experiments.studies.findings", "StudyReport"),
    "compare": ("alexnet.experiments.compare", "compare"),
    "evaluate": ("alexnet.experiments.measure", "evaluate_run"),
    "inspect": ("alexnet.data.inspection", "inspect"),
    "load": ("alexnet.classifier", "load"),
    "open_dataset": ("alexnet.data.datasets", "open_dataset"),
    "study": ("alexnet.experiments.studies.study", "study"),
    "train": ("alexnet.experiments.train", "train"),
}


def __getattr__(name: str) -> object:
    """A public name, imported now (PEP 562)."""
    if name not in _PLACES:
        raise AttributeError(f"module 'alexnet' has no attribute '{name}'")
    module, attribute = _PLACES[name]
    found = getattr(import_module(module), attribute)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted({*globals(), *__all__})
