"""`--compress`: one file with the network in few shared values, kept only if it answers as well as the run does."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from alexnet.errors import AlexNetError, BadModel
from alexnet.exports.check import ANY, Check, Probabilities, check
from alexnet.exports.compression.compress import Compression, compress
from alexnet.exports.compression.record import Compressed, Step, Tested
from alexnet.exports.compression.tuning import tuning_of
from alexnet.exports.request import MEASURED, Job
from alexnet.inference.classifier import Classifier, from_compressed, load
from alexnet.inference.compressed_file import CompressedModel, compressed_from, content_of
from alexnet.inference.model_card import model_json
from alexnet.models.networks.model import NetworkModel
from alexnet.runtime.events import Message
from alexnet.storage.files import write_atomically
from alexnet.storage.spreadsheets import csv_text


def check_compressible(job: Job) -> None:
    """Raise BadModel for what is no network, AlexNetError without the run's images, before long work."""
    name = job.classifier.model_card.model
    if not isinstance(job.classifier.model, NetworkModel):
        raise BadModel(f"{name} is no network; --compress prunes networks and trains them further. Export without it.")
    try:
        next(iter(job.own_images("validation", 1)))
    except AlexNetError as problem:
        raise AlexNetError(f"--compress needs the run's training and validation pictures: {problem}") from None


def write_compressed(job: Job, path: Path, budget_seconds: float) -> tuple[Check, Compressed]:
    """Compress, check and write the file, with a table of the steps beside it.

    What is measured is the file, read back. Raises BadModel if more than `max_loss` points of validation accuracy are lost.
    """
    device = str(job.classifier.device)
    run = load(job.path, device=device)  # the weights before: those of `job` are changed
    compression = compress(tuning_of(job, budget_seconds), budget_seconds=budget_seconds, max_loss=job.max_loss)
    read = compressed_from(_content(job, compression, None), str(path))
    again = from_compressed(read, str(path), device=device)
    found = check(run, _answers(again), job.own_images("validation", MEASURED), tolerance=ANY)
    assert found.accuracies is not None
    _require_small_loss(found, job.max_loss)
    test = _tested(job, run, again)
    content = _content(job, compression, test)
    _require_equal(read, compressed_from(content, str(path)))
    first = compression.steps[0]
    coded = Step(step="coded", bytes=len(content), times=first.bytes / len(content), accuracy=found.accuracies[1])
    steps = (*compression.steps, coded)
    write_atomically(path, content)
    write_atomically(table_beside(path), _table(steps))
    return found, Compressed(steps=steps, layers=compression.layers, test=test)


def table_beside(path: Path) -> Path:
    """Where the table of the steps goes."""
    return path.with_name(f"{path.name}.csv")


def _content(job: Job, compression: Compression, test: Tested | None) -> bytes:
    """The file's bytes; its record is what is known when it is written."""
    steps = [asdict(step) for step in compression.steps]
    record = {"method": "Deep Compression (arXiv 1510.00149)", "steps": steps, "test": None if test is None else asdict(test)}
    return content_of(model_json(job.classifier.model_card), record, job.record().provenance, compression.tensors)


def _answers(classifier: Classifier) -> Probabilities:
    """The classifier as a function of uint8 images, in the precision that it is used in."""

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(classifier.probabilities(torch.from_numpy(images)).numpy())

    return run


def _require_small_loss(found: Check, max_loss: float) -> None:
    assert found.accuracies is not None
    assert found.interval is not None
    before, after = found.accuracies
    low, high = (100 * side for side in found.interval)
    if 100 * (before - after) > max_loss:
        lost = f"{100 * (before - after):.2f} points (95%: {low:.2f} to {high:.2f}) of the accuracy on {found.images:,} validation pictures"
        raise BadModel(
            f"The compressed model loses {lost}, more than the {max_loss:g} allowed by --max-loss. It is not kept. "
            "Allow more, or give fine-tuning more time with --budget."
        )


def _require_equal(read: CompressedModel, other: CompressedModel) -> None:
    """Raise BadModel unless both hold the same bits."""
    names = read.tensors.keys()
    if names != other.tensors.keys() or not all(torch.equal(read.tensors[name], other.tensors[name]) for name in names):
        raise BadModel("The file does not hold the model that was measured. It is not kept.")


def _tested(job: Job, run: Classifier, again: Classifier) -> Tested | None:
    """Both on the run's test images; None if it has none."""
    try:
        found = check(run, _answers(again), job.own_images("test", MEASURED), tolerance=ANY)
    except AlexNetError as problem:
        job.listen(Message(f"Not measured on test pictures. {problem}"))
        return None
    assert found.accuracies is not None
    assert found.interval is not None
    return Tested(images=found.images, accuracy_before=found.accuracies[0], accuracy_after=found.accuracies[1], interval=found.interval)


def _table(steps: tuple[Step, ...]) -> str:
    rows = [(step.step, step.bytes, f"{step.times:.2f}", f"{step.accuracy:.4f}") for step in steps]
    return csv_text([("step", "bytes", "times smaller", "validation accuracy"), *rows])
