"""Checkpoints of a divided network: every worker writes its own part; any number of workers, in any layout, can read what they need.

PyTorch's distributed checkpoint writes and reads them, as safetensors (no pickle). A folder of them is valid once it has its table, which
is written last and lists the files with their sizes.
"""

import json
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor, Shard

from alexnet.errors import BadRun
from alexnet.runtime.distributed import Workers
from alexnet.storage.files import write_atomically, writing
from alexnet.training.parallel.layout import TABLE, local, own_name

Dims = Mapping[str, int | None]  # of each tensor: the dimension that the workers divide, or None where all hold the same


def write_parts(folder: Path, parts: Mapping[str, Tensor], dims: Dims, world: Workers, state: str) -> None:
    """Write this worker's parts while the others write theirs; `folder` is a valid checkpoint once this returns on the first worker."""
    if world.first:
        with writing(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
    world.wait()
    mesh = _mesh(world)
    divided = {name: _divided(part.detach().cpu(), dims[name], mesh) for name, part in parts.items()}
    with writing(folder):
        try:
            save(divided, storage_writer=HuggingFaceStorageWriter(str(folder), save_distributed=True))
        except CheckpointException as problem:
            raise next((one for one, _ in problem.failures.values() if isinstance(one, OSError)), problem) from None
    world.wait()
    if world.first:
        sizes = {file.name: file.stat().st_size for file in folder.glob("*.safetensors")}
        write_atomically(folder / TABLE, json.dumps({"files": sizes, "state": state}))


def read_parts(folder: Path, dims: Mapping[str, int], world: Workers) -> tuple[dict[str, Tensor], str]:
    """The worker's parts of all tensors, and the training state's JSON; raises BadRun for a checkpoint that is incomplete or damaged."""
    state = _checked_table(folder)["state"]
    reader = HuggingFaceStorageReader(str(folder))
    try:
        known: Mapping[str, Any] = reader.read_metadata().state_dict_metadata
        mesh = _mesh(world) if dims and world.size > 1 else None
        parts = {name: _empty(one.size, one.properties.dtype, dims.get(own_name(name)), mesh) for name, one in known.items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about loading without a process group
            load(parts, storage_reader=reader, no_dist=True)
    except (CheckpointException, SafetensorError, OSError, RuntimeError, ValueError, KeyError, AssertionError) as problem:
        raise BadRun(
            f"{folder} cannot be read ({_first_line(problem)}). Delete it to continue without it, or copy the run again."
        ) from None
    return {name: local(part) for name, part in parts.items()}, state


def _mesh(world: Workers) -> DeviceMesh:
    return init_device_mesh("cpu", (world.size,))


def _divided(part: Tensor, dim: int | None, mesh: DeviceMesh) -> Tensor:
    part = local(part).contiguous()
    return part if dim is None else DTensor.from_local(part, mesh, [Shard(dim)], run_check=False)


def _empty(size: torch.Size, dtype: torch.dtype, dim: int | None, mesh: DeviceMesh | None) -> Tensor:
    if dim is None or mesh is None:
        return torch.empty(size, dtype=dtype)
    part = torch.empty(size, dtype=dtype, device="meta").chunk(mesh.size(), dim)[mesh.get_local_rank()]
    return DTensor.from_local(torch.empty(part.shape, dtype=dtype), mesh, [Shard(dim)], run_check=False)


def _checked_table(folder: Path) -> dict[str, Any]:
    try:
        table: dict[str, Any] = json.loads((folder / TABLE).read_text(encoding="utf-8"))
        wrong = [name for name, size in table["files"].items() if not _has_size(folder / Path(name).name, size)]
        table["state"] = str(table["state"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BadRun(f"{folder / TABLE} is damaged. Delete {folder} to continue without it, or copy the run again.") from None
    if wrong:
        raise BadRun(f"{folder} is incomplete: {wrong[0]} is missing or truncated. Copy the run again, or delete the folder to start over.")
    return table


def _has_size(file: Path, size: int) -> bool:
    return file.is_file() and file.stat().st_size == size


def _first_line(problem: BaseException) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0][:200]
