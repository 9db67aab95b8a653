"""The targets of `alexnet export`, one row each."""

from alexnet.errors import AlexNetError, did_you_mean
from alexnet.exports.hf_target import write_hf
from alexnet.exports.onnx_target import write_onnx
from alexnet.exports.target import Target
from alexnet.exports.torch_target import write_torch
from alexnet.exports.triton_target import write_triton
from alexnet.exports.web_target import write_web

TARGETS = {
    target.name: target
    for target in (
        Target(name="onnx", title="one file for ONNX Runtime, OpenVINO, OpenCV", suffix=".onnx", write=write_onnx, int8=True),
        Target(name="torch", title="a state dict for PyTorch", suffix=".pth", write=write_torch),
        Target(name="hf", title="a folder for a model hub", suffix="", write=write_hf),
        Target(name="web", title="a page that classifies in the browser", suffix="", write=write_web, int8=True),
        Target(name="triton", title="a model repository for Triton", suffix="", write=write_triton, int8=True),
    )
}


def find_target(name: object) -> Target:
    """The target of that name; raises AlexNetError with the nearest one."""
    if not isinstance(name, str) or name not in TARGETS:
        raise AlexNetError(f"There is no export to '{name}'. {did_you_mean(name, TARGETS)}")
    return TARGETS[name]
