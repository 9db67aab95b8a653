"""Which networks a search tries, for how long and how balanced, where classes differ by much in size; fitting itself is left out."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from alexnet.data.open import open_dataset
from alexnet.errors import TrainingFailed
from alexnet.runs.tried import Tried
from alexnet.runtime.events import silent
from alexnet.search import search as searching
from alexnet.search.candidates import Candidate, for_uneven
from alexnet.search.request import SearchRequest
from alexnet.search.state import SearchState

TWO_MINUTES, TEN_MINUTES = 120.0, 600.0


class Asked(NamedTuple):
    """A fit that the search asked for."""

    name: str
    seconds: float
    balance: str


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """What a search asks to be fitted; none of it has a result."""
    found: list[Asked] = []

    def attempted(state: SearchState, model: str, *, seconds: float, name: str, balance: str, **_: Any) -> None:
        found.append(Asked(name, seconds, balance))
        raise TrainingFailed("it is not fitted here")

    monkeypatch.setattr(searching, "attempt", attempted)
    monkeypatch.setattr(searching, "enough_seconds", lambda state, model: 1e6)
    return found


@pytest.fixture
def search(digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SearchState]:
    """Search among candidates for uneven classes, after some attempts."""

    def run(*candidates: Candidate, tried: list[Tried], seconds: float) -> SearchState:
        monkeypatch.setattr(searching, "candidates_for", lambda side: for_uneven(candidates))
        state = SearchState(
            out=tmp_path,
            request=SearchRequest(data=str(digits_folder), budget_seconds=seconds),
            dataset=open_dataset(str(digits_folder)),
            device=torch.device("cpu"),
            decoders=1,
            listen=silent,
            should_stop=lambda: False,
            started=time.monotonic(),
            tried=tried,
        )
        searching.search(state)
        return state

    return run


@pytest.mark.parametrize(("balanced", "expected"), [(True, "loss"), (False, "none"), (None, "loss")])
def test_a_network_without_a_trial_has_what_validation_chose_for_the_svms(
    asked: list[Asked], search: Callable[..., SearchState], balanced: bool | None, expected: str
) -> None:
    """And all the time that is left, as it would where classes are equal."""
    worse = None if balanced is None else not balanced
    tried = [
        Tried(model="hog-svm", error=0.2, balanced=balanced, folder="a"),
        Tried(model="raw-svm", error=0.3, balanced=worse, folder="b"),
    ]
    search(Candidate(model="lenet", needs_trial=False), Candidate(model="alexnet-cifar"), tried=tried, seconds=TWO_MINUTES)
    assert [(one.name, one.balance) for one in asked] == [("lenet-longest", expected)]
    assert asked[0].seconds > 0.9 * TWO_MINUTES


def test_where_time_is_short_the_first_networks_have_a_trial(asked: list[Asked], search: Callable[..., SearchState]) -> None:
    """Six trials of 20 s do not fit into a sixth of ten minutes, four do."""
    networks = [Candidate(model=name) for name in ("convnet-small", "alexnet-cifar", "lenet")]
    state = search(*networks, tried=[Tried(model="raw-svm", error=0.2, folder="raw-svm")], seconds=TEN_MINUTES)
    assert [one.name for one in asked] == ["convnet-small", "convnet-small-loss", "alexnet-cifar", "alexnet-cifar-loss"]
    assert min(one.seconds for one in asked) >= searching.SHORTEST_TRIAL
    assert [row.model for row in state.tried if row.why_not == "too_short"] == ["lenet"]
