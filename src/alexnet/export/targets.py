"""The targets of `alexnet export`, one row each."""

from alexnet.errors import AlexNetError, did_you_mean
from alexnet.export.onnx_target import write_onnx
from alexnet.export.target import Target

TARGETS = {
    target.name: target
    for target in (Target(name="onnx", title="one file for ONNX Runtime, OpenVINO, OpenCV", suffix=".onnx", write=write_onnx, int8=True),)
}


def find_target(name: object) -> Target:
    """The target of that name; raises AlexNetError with the nearest one."""
    if not isinstance(name, str) or name not in TARGETS:
        raise AlexNetError(f"There is no export to '{name}'. {did_you_mean(name, TARGETS)}")
    return TARGETS[name]
