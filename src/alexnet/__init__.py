"""Train AlexNet, LeNet and the systems before them on your own images, and measure what the 2012 paper claims.

The library says the same words as the command line:

>>> result = alexnet.train("photos", model="alexnet", out="runs/photos")  # doctest: +SKIP
>>> alexnet.load("runs/photos").predict(["cat.jpg"])  # doctest: +SKIP

What is public is in `__all__`; it is imported when it is first asked for, so that importing this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from alexnet._version import __version__

if TYPE_CHECKING:
    from alexnet.comparison.compare import compare
    from alexnet.comparison.results import Comparison
    from alexnet.data.curation.inspection import inspect
    from alexnet.data.open import open_dataset
    from alexnet.errors import AlexNetError
    from alexnet.inference.classifier import Classifier, Prediction, load
    from alexnet.runs.evaluate import evaluate_run as evaluate
    from alexnet.runs.result import Result
    from alexnet.runs.train import train
    from alexnet.studies.findings import StudyReport
    from alexnet.studies.study import study

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
    "Classifier": ("alexnet.inference.classifier", "Classifier"),
    "Comparison": ("alexnet.comparison.results", "Comparison"),
    "Prediction": ("alexnet.inference.classifier", "Prediction"),
    "Result": ("alexnet.runs.finish", "Result"),
    "StudyReport": ("alexnet.studies.findings", "StudyReport"),
    "compare": ("alexnet.comparison.compare", "compare"),
    "evaluate": ("alexnet.runs.evaluate", "evaluate_run"),
    "inspect": ("alexnet.data.curation.inspection", "inspect"),
    "load": ("alexnet.inference.classifier", "load"),
    "open_dataset": ("alexnet.data.open", "open_dataset"),
    "study": ("alexnet.studies.study", "study"),
    "train": ("alexnet.runs.train", "train"),
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
