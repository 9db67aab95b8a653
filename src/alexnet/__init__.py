"""Train AlexNet, LeNet and the systems before them on your own images, and measure what the 2012 paper claims.

The functions take the same arguments as the command line:

>>> result = alexnet.train("photos", model="alexnet", out="runs/photos")  # doctest: +SKIP
>>> alexnet.load("runs/photos").predict(["cat.jpg"])  # doctest: +SKIP

Progress and messages go to `listen`. Without one, a notebook shows both below the cell; elsewhere messages go to the logger "alexnet":

>>> logging.basicConfig(level=logging.INFO)  # doctest: +SKIP

A mistake by the caller raises an `AlexNetError`, whose message says what to do next; see alexnet.errors for the tree.

The public names are in `__all__`; each is imported when it is first used, so importing this package costs almost nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from alexnet._version import __version__

if TYPE_CHECKING:
    from alexnet.comparison.compare import compare
    from alexnet.comparison.results import Comparison
    from alexnet.data.curation.inspection import Inspection
    from alexnet.data.dataset import Dataset
    from alexnet.data.open import open_dataset
    from alexnet.data.packs.writer import PackSummary
    from alexnet.data.verbs import inspect, pack
    from alexnet.errors import (
        AlexNetError,
        BadDataset,
        BadModel,
        BadRecipe,
        BadRun,
        BadWeights,
        BudgetTooSmall,
        CannotWrite,
        ImageSizeTooSmall,
        Interrupted,
        NoClassFolders,
        TrainingFailed,
        UnreadableImage,
        UnsafeArchive,
        WorkerLost,
    )
    from alexnet.evaluation.evaluate import Evaluation
    from alexnet.explanations.explain import Explanation, explain
    from alexnet.exports.export import Export, export
    from alexnet.inference.classifier import Classifier, load
    from alexnet.inference.onnx_classifier import OnnxClassifier
    from alexnet.inference.prediction import Prediction
    from alexnet.lecture.summary import SummaryReport, summary
    from alexnet.models.weights.convert import Conversion
    from alexnet.models.weights.convert import convert_file as convert
    from alexnet.reports import report
    from alexnet.runs.evaluate import evaluate_run as evaluate
    from alexnet.runs.result import Result
    from alexnet.search.train import train
    from alexnet.studies.findings import StudyReport
    from alexnet.studies.lecture_page import LecturePage, lecture_page
    from alexnet.studies.study import study

__all__ = [
    "AlexNetError",
    "BadDataset",
    "BadModel",
    "BadRecipe",
    "BadRun",
    "BadWeights",
    "BudgetTooSmall",
    "CannotWrite",
    "Classifier",
    "Comparison",
    "Conversion",
    "Dataset",
    "Evaluation",
    "Explanation",
    "Export",
    "ImageSizeTooSmall",
    "Inspection",
    "Interrupted",
    "LecturePage",
    "NoClassFolders",
    "OnnxClassifier",
    "PackSummary",
    "Prediction",
    "Result",
    "StudyReport",
    "SummaryReport",
    "TrainingFailed",
    "UnreadableImage",
    "UnsafeArchive",
    "WorkerLost",
    "__version__",
    "compare",
    "convert",
    "evaluate",
    "explain",
    "export",
    "inspect",
    "lecture_page",
    "load",
    "open_dataset",
    "pack",
    "report",
    "study",
    "summary",
    "train",
]

_MODULES = {  # public name: (module, name there); the names that are missing here are the exceptions of alexnet.errors
    "Classifier": ("alexnet.inference.classifier", "Classifier"),
    "Comparison": ("alexnet.comparison.results", "Comparison"),
    "Conversion": ("alexnet.models.weights.convert", "Conversion"),
    "Dataset": ("alexnet.data.dataset", "Dataset"),
    "Evaluation": ("alexnet.evaluation.evaluate", "Evaluation"),
    "Export": ("alexnet.exports.export", "Export"),
    "Explanation": ("alexnet.explanations.explain", "Explanation"),
    "Inspection": ("alexnet.data.curation.inspection", "Inspection"),
    "LecturePage": ("alexnet.studies.lecture_page", "LecturePage"),
    "OnnxClassifier": ("alexnet.inference.onnx_classifier", "OnnxClassifier"),
    "PackSummary": ("alexnet.data.packs.writer", "PackSummary"),
    "Prediction": ("alexnet.inference.prediction", "Prediction"),
    "Result": ("alexnet.runs.result", "Result"),
    "StudyReport": ("alexnet.studies.findings", "StudyReport"),
    "SummaryReport": ("alexnet.lecture.summary", "SummaryReport"),
    "compare": ("alexnet.comparison.compare", "compare"),
    "convert": ("alexnet.models.weights.convert", "convert_file"),
    "evaluate": ("alexnet.runs.evaluate", "evaluate_run"),
    "export": ("alexnet.exports.export", "export"),
    "explain": ("alexnet.explanations.explain", "explain"),
    "inspect": ("alexnet.data.verbs", "inspect"),
    "lecture_page": ("alexnet.studies.lecture_page", "lecture_page"),
    "load": ("alexnet.inference.classifier", "load"),
    "open_dataset": ("alexnet.data.open", "open_dataset"),
    "pack": ("alexnet.data.verbs", "pack"),
    "report": ("alexnet.reports", "report"),
    "study": ("alexnet.studies.study", "study"),
    "summary": ("alexnet.lecture.summary", "summary"),
    "train": ("alexnet.search.train", "train"),
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'alexnet' has no attribute '{name}'")
    module, attribute = _MODULES.get(name, ("alexnet.errors", name))
    try:
        found = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        from alexnet.runtime.missing import missing_extra

        raise missing_extra(error, f"alexnet.{name}") or error from None
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names, whether imported yet or not."""
    return sorted({*globals(), *__all__})
