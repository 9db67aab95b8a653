"""The target `triton`: a model repository for NVIDIA's Triton Inference Server, for whoever outgrows one machine."""

from pathlib import Path

from alexnet.exports.check import Check
from alexnet.exports.onnx_model import IMAGES, PROBABILITIES
from alexnet.exports.onnx_target import onnx_content
from alexnet.exports.request import Job
from alexnet.inference.exported import ExportRecord
from alexnet.storage.files import write_atomically, writing

MODEL = "alexnet"  # the model's folder in the repository, and its name
LARGEST_BATCH, DELAY_MICROSECONDS = 64, 3_000
LABELS = "labels.txt"


def write_triton(job: Job, path: Path) -> Check:
    """Write REPOSITORY/alexnet: config.pbtxt, labels.txt and 1/model.onnx; `tritonserver --model-repository REPOSITORY` serves it."""
    content, checked = onnx_content(job)
    record, folder = job.record(), path / MODEL
    with writing(path):
        (folder / "1").mkdir(parents=True)
    write_atomically(folder / "1" / "model.onnx", content)
    write_atomically(folder / LABELS, "".join(" ".join(name.splitlines()) + "\n" for name in record.classes))
    write_atomically(folder / "config.pbtxt", config(record))
    return checked


def config(record: ExportRecord) -> str:
    """config.pbtxt; the batch's dimension is Triton's own, so dims leave it out."""
    side = record.image_size
    return f"""name: "{MODEL}"
platform: "onnxruntime_onnx"
max_batch_size: {LARGEST_BATCH}
input [
  {{ name: "{IMAGES}" data_type: TYPE_UINT8 dims: [ 3, {side}, {side} ] }}
]
output [
  {{ name: "{PROBABILITIES}" data_type: TYPE_FP32 dims: [ {len(record.classes)} ] label_filename: "{LABELS}" }}
]
dynamic_batching {{ max_queue_delay_microseconds: {DELAY_MICROSECONDS} }}
"""
