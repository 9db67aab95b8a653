"""A trained model by its path: a run folder, a compressed model, or an ONNX file. Nothing heavy is imported before it is known which."""

from pathlib import Path
from typing import TYPE_CHECKING

from alexnet.errors import AlexNetError
from alexnet.inference.model_folder import is_compressed

if TYPE_CHECKING:
    from alexnet.inference.classifier import Classifier
    from alexnet.inference.onnx_classifier import OnnxClassifier
    from alexnet.inference.onnx_runtimes import Runtime


def open_classifier(run: str, device: str, runtime: "Runtime", *, quick: bool = False) -> "Classifier | OnnxClassifier":
    """The trained model in a run folder, or in a file, for which `quick` is as for OnnxClassifier."""
    if run.lower().endswith(".onnx") or (Path(run).is_file() and not is_compressed(Path(run))):
        from alexnet.inference.onnx_classifier import OnnxClassifier

        if device not in ("auto", "cpu"):
            raise AlexNetError(f"An ONNX file is computed on the CPU; --device {device} is for run folders.")
        return OnnxClassifier(run, runtime=runtime, quick=quick)
    from alexnet.inference.classifier import load

    return load(run, device=device)
