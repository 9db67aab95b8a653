"""The context of a run: its folder, images, device and workers, its listener, and how to stop it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from alexnet.data.dataset import Dataset
from alexnet.models.networks.model import NetworkModel
from alexnet.runs.folder import RunFolder
from alexnet.runs.live import LiveRun
from alexnet.runs.tried import Search
from alexnet.runtime.distributed import ALONE, Workers
from alexnet.runtime.events import Listener, silent
from alexnet.runtime.machine import available_cpus


@dataclass(frozen=True, kw_only=True, slots=True)
class RunContext:
    """What the steps of a run share besides the resolved run.

    splits: a splits.json that several runs share, used instead of the run's own split; the recipe's fraction is taken of it.
    decoders: threads that decode, or processes if the images do not fit into memory. keep_checkpoints: after the training too.
    started: time on the monotonic clock, in seconds. search: that has chosen the model.
    live: shows the training to whoever watches it; None for the cells of comparisons and studies, and for workers that do not write.
    after_epoch: called with the network that is trained, which it must leave as it was, at the end of every epoch.
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
    keep_checkpoints: bool = False
    started: float = field(default_factory=time.monotonic)
    search: Search | None = None
    live: LiveRun | None = None
    after_epoch: Callable[[NetworkModel], None] | None = None
