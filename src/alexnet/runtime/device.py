"""Where and how exactly we compute: device, precision, seed, memory. Knows nothing of models or data."""

import reprlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal

import torch

from alexnet.errors import AlexNetError

Precision = Literal["auto", "bf16", "fp32", "fp64"]


def choose_device(name: str | torch.device = "auto") -> torch.device:
    """`auto` is CUDA where there is one, else the processor; raises AlexNetError for a device that is not there."""
    if not isinstance(name, (str, torch.device)):
        raise AlexNetError(f"The device is {reprlib.repr(name)}; use auto, cpu, cuda or cuda:0.")
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise AlexNetError(f"No device is called '{name}'; use auto, cpu, cuda or cuda:0.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise AlexNetError(f"Device '{name}' was asked for, but PyTorch sees no CUDA card; use --device cpu.")
    try:
        torch.zeros(1, device=device).item()  # cuda:7 of two cards, mps where there is none, meta
    except (RuntimeError, AssertionError, NotImplementedError):
        raise AlexNetError(f"Device '{name}' cannot be used here; use auto, cpu, cuda or cuda:0.") from None
    return device


def choose_precision(precision: Precision, device: torch.device) -> Precision:
    """`auto` is bf16 where the device multiplies bf16 in hardware, else fp32."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    has_bf16 = any(getattr(torch.cpu, name, lambda: False)() for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return "bf16" if has_bf16 else "fp32"


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """The context in which products of matrices run in bf16; a no-op for fp32 and fp64."""
    if precision != "bf16":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """For work on one image after the other: torch's own threads would spend longer waiting for each other than working."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
