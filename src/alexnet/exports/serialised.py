"""An ONNX model as the bytes of a file, and these bytes as a function."""

import numpy as np
import onnx
from numpy.typing import NDArray

from alexnet.errors import AlexNetError
from alexnet.exports.check import Probabilities
from alexnet.exports.onnx_model import IMAGES
from alexnet.inference.exported import ExportRecord, to_metadata
from alexnet.inference.onnx_runtimes import exact_options

LARGEST = 2_000_000_000  # bytes: a protobuf's own limit is 2 GiB


def with_record(model: onnx.ModelProto, record: ExportRecord) -> bytes:
    """The file, with the record in its metadata."""
    onnx.helper.set_model_props(model, to_metadata(record))
    if model.ByteSize() > LARGEST:
        raise AlexNetError(f"The model has {model.ByteSize():,} bytes; one ONNX file holds at most {LARGEST:,}.")
    return bytes(model.SerializeToString(deterministic=True))


def runner(content: bytes) -> Probabilities:
    """The file in onnxruntime on this machine's CPU."""
    import onnxruntime

    options = exact_options()
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(session.run(None, {IMAGES: images})[0], np.float32)

    return run
