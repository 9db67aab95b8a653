"""What results depend on besides the recipe: versions, device, precision."""

import platform
from importlib.metadata import PackageNotFoundError, version

import torch

from alexnet.data.dataset import Dataset
from alexnet.i18n.translate import say
from alexnet.runtime.device import Precision, choose_precision, device_name, peak_device_memory, reset_peak_device_memory
from alexnet.runtime.machine import forget_peak_memory, peak_memory

MADE_UP = "images"  # the key of their version, where the program has made them
PACKAGES = ("alexnet", "torch", "torchvision", "numpy", "scikit-learn", "pillow")


def versions() -> dict[str, str]:
    """The versions of packages, Python and the operating system."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def environment(device: torch.device, precision: Precision, dataset: Dataset) -> dict[str, str]:
    """`versions`, with the device and the precision that were used, and the version of made-up images."""
    made_up = {MADE_UP: say("report.version_of", "en", dataset=dataset.name, number=dataset.version)} if dataset.version else {}
    return {"device": device_name(device), "precision": choose_precision(precision, device), **versions(), **made_up}


def start_measuring_memory(device: torch.device) -> None:
    """Start the measurement that `memory_used` returns."""
    forget_peak_memory()
    reset_peak_device_memory(device)


def memory_used(device: torch.device) -> int | None:
    """The peak memory in bytes: of the GPU if it was used, else of this process; None if the system does not report it."""
    return peak_device_memory(device) or peak_memory()
