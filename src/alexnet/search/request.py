"""The request for a search and its state so far, saved in the run's folder until the search has ended."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alexnet.errors import BadRun
from alexnet.models.kinds import kind_of
from alexnet.recipes.resolve import SHORTEST_BUDGET, TrainingRequest
from alexnet.runs.folder import RunFolder
from alexnet.runs.tried import Tried
from alexnet.storage.files import read_record, write_atomically

DEFAULT_SECONDS = 600.0
BY_VALIDATION = "validation"  # of an SVM's classes: both ways are tried


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchRequest:
    """What a search was asked for. Equal requests are the same search."""

    data: str
    budget_seconds: float = DEFAULT_SECONDS
    seed: int = 0
    layout_of_folders: str | None = None
    max_unreadable: float | None = None
    balance: str | None = None

    def of(self, model: str, balance: str | None = None) -> TrainingRequest:
        """The request for one of the systems, without a budget. balance: of this attempt; None: as requested.

        An SVM draws no images: where sampling is requested, its classes weigh the same.
        """
        allowed: dict[str, Any] = {} if self.max_unreadable is None else {"max_unreadable": self.max_unreadable}
        chosen = balance if balance is not None else self.balance
        if kind_of(model).fixed_features and chosen == "sampling":
            chosen = "loss"
        if chosen == BY_VALIDATION:
            allowed, chosen = {**allowed, "solver.balance": chosen}, None
        return TrainingRequest(
            data=self.data,
            model=model,
            seed=self.seed,
            overrides=allowed,
            layout_of_folders=self.layout_of_folders,
            balance=chosen,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchRecord:
    """search.json. seconds: spent so far, over all starts. tried: the attempts that have ended."""

    request: SearchRequest
    seconds: float = 0.0
    tried: tuple[Tried, ...] = ()


def read_search(folder: Path) -> SearchRecord | None:
    """The search that was started in a folder; None if there is none. Raises BadRun if its file is damaged."""
    path = RunFolder(folder).search
    if not path.exists():
        return None
    record = read_record(path, SearchRecord, "choose another --out.")
    if not record.request.budget_seconds >= SHORTEST_BUDGET or record.request.seed < 0:
        raise BadRun(f"{path} is damaged: its budget or its seed is impossible. Choose another --out.")
    return record


def write_search(folder: Path, record: SearchRecord) -> None:
    """Save the state of a search, completely or not at all."""
    write_atomically(RunFolder(folder).search, json.dumps(asdict(record), ensure_ascii=False, indent=1) + "\n")


def differences(one: SearchRequest, other: SearchRequest) -> list[str]:
    """The fields in which two requests differ, such as "seed: 0 / 1"."""
    left, right = asdict(one), asdict(other)
    return [f"{name}: {left[name]} / {right[name]}" for name in left if left[name] != right[name]]
