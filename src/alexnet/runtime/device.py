"""Where we compute, and how precisely: the device, its memory, precision, threads. Independent of models and data."""

import os
import reprlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal

import torch

from alexnet.errors import AlexNetError
from alexnet.runtime.machine import cpu_model

Precision = Literal["auto", "bf16", "fp32", "fp64"]

if hasattr(os, "register_at_fork"):
    # A forked process has none of its parent's OpenMP threads and would wait for them forever; on one thread it waits for none.
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


def choose_device(name: str | torch.device = "auto") -> torch.device:
    """The device; `auto` is CUDA where available, else the CPU. Raises AlexNetError for a device that does not exist."""
    if not isinstance(name, (str, torch.device)):
        raise AlexNetError(f"The device is {reprlib.repr(name)}; use auto, cpu, cuda or cuda:0.")
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise AlexNetError(f"No device is called '{name}'; use auto, cpu, cuda or cuda:0.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise AlexNetError(f"The device is '{name}', but PyTorch sees no CUDA GPU; use --device cpu.")
    try:
        torch.zeros(1, device=device).item()  # fails for cuda:7 of two GPUs, for mps where there is none, and for meta
    except (RuntimeError, AssertionError, NotImplementedError):
        raise AlexNetError(f"Device '{name}' cannot be used here; use auto, cpu, cuda or cuda:0.") from None
    return device


def choose_precision(precision: Precision, device: torch.device) -> Precision:
    """The precision; `auto` is bf16 where the device multiplies bf16 in hardware, else fp32."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    has_bf16 = any(getattr(torch.cpu, name, lambda: False)() for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return "bf16" if has_bf16 else "fp32"


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """The context in which matrix products and convolutions run in bf16; a no-op for fp32 and fp64."""
    if precision != "bf16":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has finished its work; a CPU already has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def free_device_memory(device: torch.device) -> int | None:
    """Bytes of a GPU's memory that are free now; None for other devices."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None


def peak_device_memory(device: torch.device) -> int | None:
    """The most bytes of a GPU's memory that this process's tensors have occupied since the last reset; None for other devices."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None


def reset_peak_device_memory(device: torch.device) -> None:
    """Restart `peak_device_memory` from the memory in use now."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Torch on one thread until the end of the block: for single images, its threads would spend longer waiting than working."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def device_name(device: torch.device) -> str:
    """The model of the GPU or CPU, as reports show it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{cpu_model()}, {torch.get_num_threads()} threads"
