"""The runtimes that compute an exported model: ONNX Runtime, and OpenVINO if it is asked for. Independent of PyTorch."""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from alexnet.errors import AlexNetError, BadModel
from alexnet.inference.exported import ExportRecord
from alexnet.runtime.arguments import one_of
from alexnet.runtime.machine import available_cpus

Runtime = Literal["onnxruntime", "openvino"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
INSTALL = {"onnxruntime": "pip install onnxruntime", "openvino": "pip install '.[openvino]'"}
IMAGES, PROBABILITIES = "images", "probabilities"

Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def opened(path: Path, record: ExportRecord, runtime: Runtime, *, quick: bool, threads: int | None = None) -> Run:
    """The model as a function: uint8 (N, 3, image_size, image_size) -> float32 (N, classes).

    quick: the first answer sooner, because ONNX Runtime starts no threads and does not rearrange the weights; each takes longer.
    threads: of ONNX Runtime; None: one for each CPU.
    Raises AlexNetError for a runtime that is unknown or missing, BadModel for a model that it cannot read, or whose input or output is not
    what its record says.
    """
    one_of(runtime, "runtime", RUNTIMES)
    if sys.modules.get(runtime) is None and importlib.util.find_spec(runtime) is None:
        raise AlexNetError(f"{runtime} is not installed: {INSTALL[runtime]}")
    try:
        return _by_openvino(path, record) if runtime == "openvino" else _by_onnxruntime(path, record, quick=quick, threads=threads)
    except AlexNetError:
        raise
    except Exception as problem:  # the runtimes have a class of errors for each of their parts
        raise _unusable(str(path), runtime, problem) from None


def _unusable(name: str, runtime: str, problem: Exception) -> BadModel:
    reason = " ".join(str(problem).split())[:200] or type(problem).__name__
    return BadModel(f"{name} cannot be used by {runtime} ({reason}). Copy the file again, or export it again.")


def exact_options() -> Any:
    """ONNX Runtime's options for sums of 8-bit products that do not overflow.

    Where an x86 CPU has no 8-bit dot product (VNNI), its default adds pairs of unsigned times signed bytes in 16 bits, which saturate
    unnoticed. This takes slower exact sums there, and changes nothing elsewhere.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")
    return options


def _by_onnxruntime(path: Path, record: ExportRecord, *, quick: bool, threads: int | None) -> Run:
    import onnxruntime

    name, options = str(path), exact_options()
    options.intra_op_num_threads = 1 if quick else threads or available_cpus()
    options.log_severity_level = 4  # what is wrong is in the error
    if quick:
        options.add_session_config_entry("session.disable_prepacking", "1")
    session = onnxruntime.InferenceSession(name, options, providers=["CPUExecutionProvider"])
    takes, returns = session.get_inputs(), session.get_outputs()
    _check_ports(name, record, [(one.name, one.type, one.shape) for one in takes], [(one.name, one.type, one.shape) for one in returns])

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        try:
            return np.asarray(session.run([PROBABILITIES], {IMAGES: images})[0], np.float32)
        except Exception as problem:
            raise _unusable(name, "onnxruntime", problem) from None

    return run


def _check_ports(name: str, record: ExportRecord, takes: Sequence[tuple[str, str, Any]], returns: Sequence[tuple[str, str, Any]]) -> None:
    """Raise BadModel unless the model takes and returns what its record says."""
    side, classes = record.image_size, len(record.classes)
    if len(takes) != 1 or takes[0][:2] != (IMAGES, "tensor(uint8)") or list(takes[0][2][1:]) != [3, side, side]:
        raise BadModel(f"{name} takes {_ports(takes)}; its record says images, uint8 (N, 3, {side}, {side}). Export it again.")
    if len(returns) != 1 or returns[0][:2] != (PROBABILITIES, "tensor(float)") or list(returns[0][2][1:]) != [classes]:
        raise BadModel(
            f"{name} returns {_ports(returns)}; its record names {classes} classes: probabilities (N, {classes}). Export it again."
        )


def _ports(ports: Sequence[tuple[str, str, Any]]) -> str:
    return ", ".join(f"{name[:40]}, {kind} {tuple(shape)}" for name, kind, shape in ports[:3]) or "nothing"


def _by_openvino(path: Path, record: ExportRecord) -> Run:
    import openvino

    core = openvino.Core()
    model = core.read_model(path.read_bytes())
    takes = [(port.any_name, f"tensor({port.element_type.type_name})".replace("u8", "uint8"), _shape(port)) for port in model.inputs]
    returns = [(port.any_name, f"tensor({port.element_type.type_name})".replace("f32", "float"), _shape(port)) for port in model.outputs]
    _check_ports(str(path), record, takes, returns)
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.array(compiled(images)[0], np.float32)

    return run


def _shape(port: Any) -> list[int]:
    return [-1 if size.is_dynamic else size.get_length() for size in port.partial_shape]
