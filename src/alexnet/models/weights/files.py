"""Files of weights in any form: read without running code, written completely or not at all."""

from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import torch
from numpy.lib.format import read_array
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from alexnet.errors import BadWeights
from alexnet.models.weights.form import Form
from alexnet.models.weights.load import read_stored
from alexnet.models.weights.state_dict import State, StoredWeights, state_dict_in
from alexnet.storage.files import replaced, writing
from alexnet.storage.tensors import errors_of_the_system

LARGEST_ARRAYS = 2_000_000_000  # bytes of an .npz file's arrays; those of AlexNet are 244 MB


def read_file(source: Path, form: Form) -> StoredWeights:
    """The tensors in a file of this form; raises BadWeights for any other file."""
    of_arrays = form.suffixes == (".npz",)
    if of_arrays and source.suffix != ".npz":
        raise BadWeights(f"{source} cannot hold the form '{form.name}', which is read from .npz files.")
    if source.suffix == ".npz" and not of_arrays:
        raise BadWeights(f"{source} cannot hold the form '{form.name}', which is read from .safetensors and .pth files and run folders.")
    stored = state_dict_in(_read_arrays(source), source) if of_arrays else read_stored(str(source))
    for name, tensor in stored.state.items():
        if not tensor.is_floating_point():
            raise BadWeights(f"{name} in {source} holds {str(tensor.dtype).removeprefix('torch.')} numbers, not weights; leave it out.")
    return stored


def check_place(out: Path, form: Form) -> None:
    """Raise BadWeights unless a file of that form can be written there."""
    if out.suffix not in form.suffixes:
        raise BadWeights(f"--out {out} has the wrong suffix; the form '{form.name}' is written as {' or '.join(form.suffixes)}.")
    if out.exists():
        raise BadWeights(f"{out} already exists and is not overwritten. Choose another --out, or move the file elsewhere.")


def write_file(out: Path, state: State) -> None:
    """Write the file completely or not at all; raises CannotWrite, which leaves no file."""
    tensors = {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in state.items()}
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    with replaced(out) as partial, errors_of_the_system():
        try:
            WRITERS[out.suffix](partial, tensors)
        except RuntimeError as error:  # torch has its own error for a full disk
            raise OSError(str(error)) from None


def _read_arrays(source: Path) -> State:
    try:
        if not source.is_file():
            raise BadWeights(f"There are no weights at {source}. Use an .npz file.")
        with source.open("rb") as file, ZipFile(file) as members:
            if sum(member.file_size for member in members.infolist()) > LARGEST_ARRAYS:
                raise ValueError(f"it unpacks to more than {LARGEST_ARRAYS:,} bytes")
            return {
                member.removesuffix(".npy"): _tensor(read_array(members.open(member), allow_pickle=False)) for member in members.namelist()
            }
    except BadWeights:
        raise
    except Exception as error:  # numpy and zipfile raise errors of many classes for files of other kinds
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise BadWeights(f"{source} is not an .npz file of numbers that can be read safely ({reason}).") from None


def _tensor(array: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("=")))


def _write_safetensors(path: Path, tensors: State) -> None:
    save_file(tensors, path, {"format": "pt"})


def _write_torch(path: Path, tensors: State) -> None:
    with path.open("wb") as file:
        torch.save(tensors, file)


def _write_arrays(path: Path, tensors: State) -> None:
    arrays = {name: (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy() for name, tensor in tensors.items()}
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


WRITERS: dict[str, Callable[[Path, State], None]] = {".safetensors": _write_safetensors, ".pth": _write_torch, ".npz": _write_arrays}
