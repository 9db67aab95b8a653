"""A run over several workers: what they must agree on before they start, and each worker's share of its machine."""

import os
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from alexnet.data.curation.splits import Splits, check_classes
from alexnet.errors import AlexNetError, BadDataset, BadRun, CannotWrite
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.resolve import ResolvedRun
from alexnet.recipes.toml import to_toml
from alexnet.runs.context import RunContext
from alexnet.runtime.device import choose_device
from alexnet.runtime.distributed import Workers, is_launched
from alexnet.runtime.machine import available_cpus

SIGHT_SECONDS = 30.0  # until a file that the first worker wrote must be visible on a network file system


def device_of(name: str, world: Workers) -> torch.device:
    """The worker's device: on a machine with several GPUs each worker has its own; on a CPU it uses its share of the threads."""
    device = choose_device(name)
    if world.size == 1:
        return device
    if device.type == "cuda" and ":" not in str(device):
        device = choose_device(f"cuda:{world.local_rank}")
        torch.cuda.set_device(device)
    if device.type == "cpu":
        torch.set_num_threads(max(1, available_cpus() // world.local_size))  # torchrun always sets 1
    return device


def own_cpus(world: Workers) -> int:
    """The worker's share of the CPUs: the number of threads or processes that decode for it."""
    return max(1, available_cpus() // world.local_size)


@contextmanager
def start_together(resolved: ResolvedRun, context: RunContext, *, resume: bool) -> Iterator[None]:
    """Create or resume the run folder, which the first worker owns until the end of the block.

    All workers must have the same data and recipe; raises AlexNetError on each of them if they differ, or if the folder cannot be used.
    """
    folder, world = context.folder, context.world
    kind: type[AlexNetError] = BadRun
    with ExitStack() as held:
        try:
            held.enter_context(folder.owned(resume=resume))
            folder.start(resolved.recipe, resume=resume)
            if folder.splits.exists():
                check_classes(context.dataset, folder.splits)
            refusal = ""
        except (BadRun, BadDataset, CannotWrite) as problem:
            refusal, kind = str(problem), CannotWrite if isinstance(problem, CannotWrite) else BadRun
        refusal = world.text_from_first("refusal", refusal)
        if refusal:
            raise kind(refusal)
        if world.size > 1:
            _check_alike(resolved.recipe, context)
        yield


def _check_alike(recipe: Recipe, context: RunContext) -> None:
    folder, dataset, world = context.folder, context.dataset, context.world
    world.check_same("pictures", f"{len(dataset.items):,} pictures of {len(dataset.classes):,} classes")
    world.check_same("recipe", f"checksum {zlib.crc32(to_toml(replace(recipe, data='')).encode()):08x}")
    until = time.monotonic() + SIGHT_SECONDS
    while not folder.recipe.exists():
        if time.monotonic() > until:
            raise BadRun(f"Worker {world.rank} cannot see {folder.path}: --out must be on a disk that all machines share.")
        time.sleep(0.2)


def check_same_splits(splits: Splits, world: Workers) -> None:
    """Raise AlexNetError if the workers would train on different images."""
    if world.size > 1:
        parts = (np.asarray(part, np.int64).tobytes() for part in (splits.train, splits.validation, splits.test))
        sums = " ".join(f"{zlib.crc32(part):08x}" for part in parts)
        world.check_same("splits", f"{len(splits.train):,} training pictures, checksums {sums}")


def require_out(out: str | Path | None, world: Workers) -> None:
    """Raise BadRun if several workers have no common run folder."""
    if world.size > 1 and out is None:
        raise BadRun("Several workers need a common run folder: choose it with --out.")


def require_one_process(verb: str) -> None:
    """Raise AlexNetError if torchrun has started several processes for a verb that distributes its work itself."""
    if is_launched():
        mistake = AlexNetError(f"alexnet {verb} starts its own processes: start it without torchrun.")
        mistake.reported = os.environ["RANK"] != "0"
        raise mistake


def should_resume(out: str | Path | None, world: Workers, *, requested: bool) -> bool:
    """Whether to resume a run: on request, or because the launcher restarted the workers after one was lost."""
    return requested or (world.restarts > 0 and out is not None and (Path(out) / "recipe.toml").exists())


def launch_command(world: Workers) -> list[str]:
    """The start of a command line that launches as many workers again, up to the word `alexnet`."""
    if world.size == 1:
        return ["alexnet"]
    machines = ["--nnodes", str(world.size // world.local_size)] if world.size > world.local_size else []
    return ["torchrun", *machines, "--nproc-per-node", os.environ.get("LOCAL_WORLD_SIZE", "1"), "-m", "alexnet"]
