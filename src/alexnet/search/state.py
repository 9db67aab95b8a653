"""The state of a search: its folder, its clock, what has been tried, and the best model so far."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from alexnet.data.dataset import Dataset
from alexnet.recipes.resolve import ResolvedRun
from alexnet.runs.folder import RunFolder
from alexnet.runs.live import LiveRun
from alexnet.runs.prepared import Prepared
from alexnet.runs.result import FitResult
from alexnet.runs.tried import Tried
from alexnet.runtime.events import Listener
from alexnet.search.request import SearchRecord, SearchRequest, write_search

CLOSING_SECONDS = 4.0  # for the test, the report and the last files of most runs
CLOSING_SHARE = 0.03  # of the budget, where that is more


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """A system that has been fitted. tried: its row."""

    resolved: ResolvedRun
    prepared: Prepared
    fitted: FitResult
    tried: Tried


@dataclass(kw_only=True, slots=True)
class SearchState:
    """What the parts of a search share.

    decoders: threads that read images. started: time on the monotonic clock, in seconds. spent_before: seconds of earlier starts.
    keeps: leaves the folders of the candidates. pace: how many times as long as their rows say the candidates take here.
    best: of this process; what an earlier one has fitted is fitted again where it has won.
    live: shows the search to whoever watches it.
    """

    out: Path
    request: SearchRequest
    dataset: Dataset
    device: torch.device
    decoders: int
    listen: Listener
    should_stop: Callable[[], bool]
    keeps: bool = False
    pace: float = 1.0
    spent_before: float = 0.0
    started: float = field(default_factory=time.monotonic)
    tried: list[Tried] = field(default_factory=list)
    best: Attempt | None = None
    live: LiveRun | None = None

    @property
    def candidates(self) -> Path:
        """The folder of the candidates' folders."""
        return RunFolder(self.out).candidates

    @property
    def spent(self) -> float:
        """Seconds so far, over all starts."""
        return self.spent_before + time.monotonic() - self.started

    @property
    def left(self) -> float:
        """Seconds that are left for candidates."""
        closing = max(CLOSING_SECONDS, CLOSING_SHARE * self.request.budget_seconds)
        return self.request.budget_seconds - closing - self.spent

    @property
    def images(self) -> int:
        """Training images, approximately: the split is made when the first candidate has read them."""
        own = sum(item.split == "train" for item in self.dataset.items)
        return own or round(0.8 * len(self.dataset.items))

    @property
    def judges_classes(self) -> bool:
        """Whether the mean of the classes' errors decides: if classes are to be balanced or, where nothing was requested, are uneven."""
        return self.dataset.is_uneven if self.request.balance is None else self.request.balance != "none"

    @property
    def leader(self) -> Tried | None:
        """The best attempt so far, of all starts; None while there is no result."""
        return min((one for one in self.tried if one.error is not None), key=lambda one: one.rank, default=None)

    @property
    def lowest_error(self) -> float | None:
        """The lowest validation error so far, of all starts; where that decides, of the mean of the classes' errors."""
        return self.leader.judged if self.leader is not None else None

    def was_tried(self, folder: str) -> bool:
        """Whether the attempt of that name has ended, in this start or an earlier one."""
        return any(one.folder == folder for one in self.tried)

    def add(self, tried: Tried) -> None:
        """Add an attempt that has ended, and save the state."""
        self.tried.append(tried)
        self.save()

    def save(self) -> None:
        """Save what has been tried and the time that it took."""
        write_search(self.out, SearchRecord(request=self.request, seconds=self.spent, tried=tuple(self.tried)))

    def keep_best(self, attempt: Attempt) -> None:
        """Keep an attempt, with its model and its images, in memory if it is the best of this process so far."""
        if self.best is None or attempt.tried.rank < self.best.tried.rank:
            self.best = attempt
