"""A model in whole numbers of 8 bits: ranges from training images, accuracy from validation images, kept only if that stays.

Static quantisation with QDQ nodes (onnxruntime.quantization), each output channel of the weights with its own scale. Activations are
unsigned with a zero of their own: after ReLU that is 0, which OpenVINO needs to compute in 8 bits, and on x86 ONNX Runtime makes signed
ones unsigned anyway. Symmetric ranges would leave a ReLU 7 bits, which cost LeNet 7 points on digits.
Nodes that subtract large numbers or sum squares, such as response normalisation and SVMs, stay in full precision.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray

from alexnet.data.pipeline.augment import centre_crop
from alexnet.errors import AlexNetError, BadModel
from alexnet.exports.check import ANY, Check, check
from alexnet.exports.onnx_model import IMAGES
from alexnet.exports.request import CALIBRATION, MEASURED, Job
from alexnet.exports.serialised import runner, with_record
from alexnet.exports.whole_pixels import PIXELS, on_pixels, without_floats
from alexnet.inference.exported import ExportRecord
from alexnet.models.kinds import HANDCRAFTED, kind_of


def check_int8(job: Job) -> None:
    """Raise BadModel for a hand-crafted system, before long work."""
    model = job.classifier.model_card.model
    if kind_of(model) is HANDCRAFTED:
        raise BadModel(f"{model} is computed in full precision: 8 bits blur its distances and margins. Export without --int8.")


def quantised(job: Job, model: onnx.ModelProto, exact: frozenset[str], record: ExportRecord) -> tuple[bytes, Check]:
    """The bytes of the model in 8 bits, and what its measurement has found.

    Raises AlexNetError if the run's images are not there, BadModel if more than `max_loss` points of accuracy are lost.
    """
    small = in_whole_numbers(model, exact, _calibration(job))
    found = check(job.classifier, runner(small.SerializeToString()), job.own_images("validation", MEASURED), tolerance=ANY)
    assert found.accuracies is not None
    assert found.interval is not None
    before, after = found.accuracies
    low, high = (100 * side for side in found.interval)
    lost = f"{100 * (before - after):.2f} points (95%: {low:.2f} to {high:.2f}) of the accuracy on {found.images:,} validation pictures"
    if 100 * (before - after) > job.max_loss:
        raise BadModel(
            f"In whole numbers the model loses {lost}, more than the {job.max_loss:g} allowed by --max-loss. It is not kept. "
            "Export without --int8, or allow more."
        )
    measured = {"accuracy_before": before, "accuracy_after": after, "interval_of_loss": list(found.interval), "n": found.images}
    return with_record(small, replace(record, precision="int8", quantised=measured)), found


def _calibration(job: Job) -> list[NDArray[np.uint8]]:
    """Training images of the model's size, a batch per entry; mirror images and other crops are not needed for ranges."""
    size = job.classifier.model.image_size
    return [np.ascontiguousarray(centre_crop(part.images, size).numpy()) for part in job.own_images("train", CALIBRATION)]


def in_whole_numbers(model: onnx.ModelProto, exact: frozenset[str], batches: list[NDArray[np.uint8]]) -> onnx.ModelProto:
    """The model in 8 bits; batches: uint8 (N, 3, S, S), images by which ranges are found. Nodes in `exact` stay as they are."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    as_they_are = {"quant_type": QuantType.QUInt8, "scale": np.array(1, np.float32), "zero_point": np.array(0, np.uint8)}

    class Batches(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        """The calibration images in the form that onnxruntime asks for."""

        def __init__(self) -> None:
            self.left = iter(batches)

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            """The next batch, None after the last."""
            batch = next(self.left, None)
            return None if batch is None else {IMAGES: batch}

    pixels = on_pixels(model)
    with TemporaryDirectory() as folder, _quiet():
        out = Path(folder) / "int8.onnx"
        quantize_static(
            pixels or model,
            str(out),
            Batches(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=sorted(exact | {PIXELS}),
            extra_options={"TensorQuantOverrides": {PIXELS: [as_they_are]}} if pixels else {},
        )
        small = onnx.load(str(out))
    if pixels:
        without_floats(small)
    return small


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep onnxruntime's advice on preparing models from the screen; it is for models of unknown origin."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def require_own_images(job: Job) -> None:
    """Raise AlexNetError, with the reason, if the run's images cannot be read: ranges and accuracy need real ones."""
    try:
        next(iter(job.own_images("train", 1)))
    except AlexNetError as problem:
        raise AlexNetError(f"--int8 needs the run's training and validation pictures: {problem}") from None
