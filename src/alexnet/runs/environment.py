"""What a figure depends on besides the recipe: versions, device, precision, threads."""

import platform
from importlib.metadata import PackageNotFoundError, version

import torch

from alexnet.runtime.device import Precision, choose_precision, peak_device_memory, reset_peak_device_memory
from alexnet.runtime.machine import device_name, forget_peak_memory, peak_memory

PACKAGES = ("alexnet", "torch", "torchvision", "numpy", "scikit-learn", "pillow")


def versions() -> dict[str, str]:
    """Package versions, Python and the system."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def environment(device: torch.device, precision: Precision) -> dict[str, str]:
    """`versions`, the device that did the work, and the precision that it worked in."""
    return {"device": device_name(device), "precision": choose_precision(precision, device), **versions()}


def start_measuring_memory(device: torch.device) -> None:
    """Let `memory_used` count from now on."""
    forget_peak_memory()
    reset_peak_device_memory(device)


def memory_used(device: torch.device) -> int | None:
    """The most bytes held at once: of a GPU's memory where it did the work, else of this process; None where the system does not tell."""
    return peak_device_memory(device) or peak_memory()
