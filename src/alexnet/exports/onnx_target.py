"""The target `onnx`: one file with everything inside."""

from pathlib import Path

from alexnet.exports.check import Check, check
from alexnet.exports.int8 import check_int8, quantised, require_own_images
from alexnet.exports.onnx_model import onnx_model
from alexnet.exports.request import CHECKED, Job
from alexnet.exports.serialised import runner, with_record
from alexnet.storage.files import write_atomically


def write_onnx(job: Job, path: Path) -> Check:
    """Write the checked file."""
    content, checked = onnx_content(job)
    write_atomically(path, content)
    return checked


def onnx_content(job: Job) -> tuple[bytes, Check]:
    """The bytes of the checked file; raises BadModel, with the difference, if the model does not answer as the run's does."""
    if job.int8:
        check_int8(job)
        require_own_images(job)
    model, exact = onnx_model(job.classifier.model)
    content = with_record(model, job.record())
    checked = check(job.classifier, runner(content), job.images("validation", CHECKED))
    return quantised(job, model, exact, job.record()) if job.int8 else (content, checked)
