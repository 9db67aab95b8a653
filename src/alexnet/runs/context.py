"""Where a run happens: its folder, its images, its device, its workers, who listens and who may stop it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from alexnet.data.dataset import Dataset
from alexnet.runs.folder import RunFolder
from alexnet.runtime.distributed import ALONE, Workers
from alexnet.runtime.events import Listener, silent
from alexnet.runtime.machine import available_cpus


@dataclass(frozen=True, kw_only=True, slots=True)
class RunContext:
    """What the steps of a run share besides what was resolved.

    splits: a splits.json of several runs, used instead of a split of its own; the recipe's fraction is taken of it.
    decoders: threads, or processes where the images do not fit into memory, that decode. started: on the monotonic clock.
    """

    folder: RunFolder
    dataset: Dataset
    device: torch.device
    listen: Listener = silent
    should_stop: Callable[[], bool] = lambda: False
    splits: Path | None = None
    decoders: int = field(default_factory=available_cpus)
    world: Workers = ALONE
    with_baseline: bool = False
    started: float = field(default_factory=time.monotonic)
