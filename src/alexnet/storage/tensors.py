"""Tensors as safetensors files that are complete or absent."""

import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from alexnet.errors import BadRun


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a temporary safetensors file in the same folder, flush it to the disk, then rename it to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_tensors(partial, {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, metadata)
    partial.replace(path)


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write contiguous tensors to `path` itself, flushed to the disk; its permissions follow the umask, and are not safetensors' 0600."""
    path.touch()
    permissions = path.stat().st_mode
    save_file(tensors, path, metadata)
    path.chmod(permissions)
    with path.open("rb") as written:
        os.fsync(written.fileno())


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and metadata of a safetensors file; raises BadRun when it is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise BadRun(f"{path} cannot be read ({error}). Delete it to continue without it, or copy the run again.") from None
