"""Tensors as safetensors files that are complete or absent."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from alexnet.errors import BadRun
from alexnet.storage.files import replaced


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a whole safetensors file; raises CannotWrite, which leaves `path` as it was."""
    with replaced(path) as partial, errors_of_the_system():
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, partial, metadata)


@contextmanager
def errors_of_the_system() -> Iterator[None]:
    """Turn the safetensors library's own error for a failed write into the OSError that it tells of."""
    try:
        yield
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        raise (OSError(int(number[1]), os.strerror(int(number[1]))) if number else OSError(str(error))) from None


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and metadata of a safetensors file; raises BadRun when it is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise BadRun(f"{path} cannot be read ({error}). Delete it to continue without it, or copy the run again.") from None
