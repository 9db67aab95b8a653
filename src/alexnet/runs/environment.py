"""What a figure depends on besides the recipe: versions, processor, threads."""

import platform
from importlib.metadata import PackageNotFoundError, version

import torch

from alexnet.runtime.device import choose_precision
from alexnet.runtime.machine import processor_name

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


def environment(device: torch.device) -> dict[str, str]:
    """`versions` and the processor that did the work."""
    return {"processor": processor_name(), "precision": choose_precision("auto", device), **versions()}
