"""The workers of a training: shares of ordered things, sums and votes, and what is said when they cannot meet or one is lost."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.training.parallel.workers import WorkerFailed, each, together

from alexnet.errors import AlexNetError, WorkerLost
from alexnet.runtime import distributed as module
from alexnet.runtime.distributed import (
    ALONE,
    STALL_SECONDS,
    Workers,
    is_launched,
    join_workers,
    launcher_number,
    own_versions,
    stall_seconds,
)

COUNTS, SIZES = st.integers(0, 300), st.integers(1, 40)
LAUNCHED = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}


@given(COUNTS, SIZES)
def test_every_thing_is_one_worker_s(count: int, size: int) -> None:
    shares = [Workers(rank=rank, size=size).rows(count) for rank in range(size)]
    assert [thing for share in shares for thing in share] == list(range(count))


@given(COUNTS, SIZES)
def test_no_share_is_larger_than_it_must_be(count: int, size: int) -> None:
    capacity = ALONE.capacity(count) if size == 1 else Workers(size=size).capacity(count)
    assert max(len(Workers(rank=rank, size=size).rows(count)) for rank in range(size)) == capacity
    assert size * (capacity - 1) < max(count, 1)


def gathered(world: Workers, counts: list[int]) -> list[torch.Tensor]:
    """Rows that say whose they are and which."""
    whole = [torch.arange(3.0 * count).view(count, 3) for count in counts]
    return [
        world.gather_rows(rows[world.rows(count).start : world.rows(count).stop], count) for count, rows in zip(counts, whole, strict=True)
    ]


@pytest.mark.parametrize("workers", [2, pytest.param(3, marks=pytest.mark.slow), 4])
def test_gathered_rows_are_all_rows_in_order_on_all_workers(workers: int) -> None:
    counts = list(range(11))  # shares that are unequal, and some that are empty
    for rows in together(gathered, workers, counts):
        assert all(torch.equal(its, torch.arange(3.0 * count).view(count, 3)) for its, count in zip(rows, counts, strict=True))


def spoken(world: Workers) -> dict[str, Any]:
    world.wait()
    world.check_same("words", "alike")
    return {
        "sum": world.sum(0.1 * (world.rank + 1), 2.0**60, float(world.rank)),
        "one": world.any(world.rank == world.size - 1),
        "none": world.any(False),
        "first": world.from_first(world.rank + 0.25, -7.0),
        "parts": [part.tolist() for part in world.gather(torch.tensor([world.rank, 9]))],
        "ranks": (world.rank, world.size, world.local_rank, world.local_size, world.first),
    }


def test_what_workers_tell_each_other() -> None:
    answers = together(spoken, 3)
    for rank, answer in enumerate(answers):
        total, large, ranks = answer["sum"]
        assert total == pytest.approx(0.6, abs=1e-15)
        assert (large, ranks) == (3 * 2.0**60, 3.0)
        assert (answer["one"], answer["none"]) == (True, False)
        assert answer["first"] == (0.25, -7.0)
        assert answer["parts"] == [[0, 9], [1, 9], [2, 9]]
        assert answer["ranks"] == (rank, 3, rank, 3, rank == 0)


def test_one_worker_alone_says_everything_to_itself() -> None:
    assert spoken(ALONE) == {
        "sum": (0.1, 2.0**60, 0.0),
        "one": True,
        "none": False,
        "first": (0.25, -7.0),
        "parts": [[0, 9]],
        "ranks": (0, 1, 0, 1, True),
    }
    assert torch.equal(ALONE.gather_rows(torch.ones(2, 3), 2), torch.ones(2, 3))


@pytest.mark.parametrize("missing", ["RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"])
def test_a_process_that_nothing_has_launched_is_alone(missing: str) -> None:
    launched = LAUNCHED | {"MASTER_PORT": "29500"}
    assert is_launched(launched)
    assert not is_launched({name: value for name, value in launched.items() if name != missing})
    assert not is_launched(launched | {"WORLD_SIZE": "1"})


def test_a_world_of_one_costs_nothing_and_knows_its_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "2")
    with join_workers() as world:
        assert (world.size, world.restarts, world.store) == (1, 2, None)
        assert not torch.distributed.is_initialized()


@pytest.mark.parametrize("word", ["soon", "", "0", "-1", "0.5", "inf", "nan"])
def test_a_patience_that_is_no_time_is_refused(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_STALL_SECONDS", word)
    for name, value in (LAUNCHED | {"MASTER_PORT": "29500"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(AlexNetError) as refusal, join_workers("cpu"):
        pytest.fail("joined")
    assert str(refusal.value) == f"ALEXNET_STALL_SECONDS is '{word}'; it must be the seconds to wait for a worker, at least 1."


def test_the_patience_is_ten_minutes_unless_something_else_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALEXNET_STALL_SECONDS", raising=False)
    assert stall_seconds() == STALL_SECONDS == 600
    monkeypatch.setenv("ALEXNET_STALL_SECONDS", "2.5")
    assert stall_seconds() == 2.5


@contextmanager
def port(*, listening: bool) -> Iterator[int]:
    """A port of this machine that another program has, or nobody."""
    with socket.socket() as taken:
        taken.bind(("", 0))
        number = taken.getsockname()[1]
        if listening:
            taken.listen()
            yield number
            return
    yield number


def meet(seconds: str, number: int) -> str:
    """What a worker is told that tries to meet the others."""
    os.environ |= {"MASTER_PORT": str(number), "ALEXNET_STALL_SECONDS": seconds}
    os.environ.pop("TORCHELASTIC_USE_AGENT_STORE")
    try:
        with join_workers("cpu"):
            return "joined"
    except AlexNetError as mistake:
        return str(mistake)


def test_a_port_that_is_in_use_is_named_with_the_way_to_another() -> None:
    with port(listening=True) as number:
        [said] = each(meet, [{"RANK": "0", "WORLD_SIZE": "2"}], "5", number)
    assert said == (
        f"The workers cannot connect to 127.0.0.1:{number}: the port is in use. "
        "Choose another: MASTER_PORT=29501 or torchrun --master-port 29501."
    )


@pytest.mark.parametrize("rank", [pytest.param("0", marks=pytest.mark.slow), "1"])
def test_workers_that_do_not_come_are_not_waited_for_without_end(rank: str) -> None:
    with port(listening=False) as number:
        [said] = each(meet, [{"RANK": rank, "WORLD_SIZE": "2"}], "1", number)
    assert said.startswith(f"The workers cannot connect to 127.0.0.1:{number} (")
    assert said.endswith("Start all of them, and set MASTER_ADDR to the machine of worker 0.")


def other_version() -> tuple[str, bool]:
    """What a worker is told whose version differs from the first one's."""
    versions = own_versions() | ({"torch": "1.0"} if os.environ["RANK"] == "1" else {})
    try:
        with join_workers("cpu", versions):
            return "joined", False
    except AlexNetError as mistake:
        return str(mistake), mistake.reported


def test_workers_of_different_versions_are_refused_once() -> None:
    answers = each(other_version, [{}, {}, {}])
    said = answers[0][0]
    assert said.startswith('Workers differ in versions: worker 0 has {"alexnet": ')
    assert ", worker 1 (process " in said
    assert f" on {socket.gethostname()}) has " in said
    assert '"torch": "1.0"' in said
    assert said.endswith("Make them the same on every machine, and start all workers again.")
    assert [answer for answer, _ in answers] == [said] * 3
    assert [told for _, told in answers] == [False, True, True], "one worker tells it for all"


def own_mistake() -> bool:
    """Whether a mistake that only this worker has met is told by another."""
    module.SAME_MISTAKE_SECONDS = 0.2
    try:
        with join_workers("cpu") as world:
            raise AlexNetError(f"Only worker {world.rank} knows this.")
    except AlexNetError as mistake:
        return mistake.reported


def test_a_mistake_that_another_worker_has_not_met_is_told() -> None:
    assert each(own_mistake, [{}, {}]) == [False, False]


def lost(dies: int, own_store: int = 0) -> tuple[str, int]:
    """What the workers are told when one of them dies without a word. own_store: a port, where no launcher keeps the store."""
    module.ROLL_CALL_SECONDS = 0.5
    if own_store:
        os.environ["MASTER_PORT"] = str(own_store)
        os.environ.pop("TORCHELASTIC_USE_AGENT_STORE")
    number = os.getpid()
    try:
        with join_workers("cpu") as world:
            number = int(world.gather(torch.tensor(os.getpid()))[dies])
            if world.rank == dies:
                os._exit(9)
            world.wait()
            return "nothing", number
    except WorkerLost as loss:
        return str(loss), number


@pytest.mark.parametrize(("workers", "dies"), [*(pytest.param(2, dies, marks=pytest.mark.slow) for dies in (0, 1)), (3, 1)])
def test_a_worker_that_dies_is_named_with_its_process(workers: int, dies: int) -> None:
    with pytest.raises(WorkerFailed, match=f"worker {dies}: ended without an answer") as failure:
        each(lost, [{}] * workers, dies)
    answers = failure.value.answers
    assert answers.keys() == set(range(workers)) - {dies}
    for said, number in answers.values():
        assert f"worker {dies} (process {number} on {socket.gethostname()})" in said
        assert said.startswith("No answer from worker ")
        assert said.endswith(": killed, stopped, or waiting for a worker that is. Start all workers again with --resume.")


def test_the_loss_of_the_worker_that_kept_the_list_is_told() -> None:
    with port(listening=False) as number:
        free = number
    with pytest.raises(WorkerFailed, match="worker 0: ended without an answer") as failure:
        each(lost, [{}, {}], 0, free)
    assert failure.value.answers[1][0] == (
        "No answer from worker 0, which held the list of workers: killed, stopped, or waiting for a worker that is. "
        "Start all workers again with --resume."
    )


def stalled() -> str:
    """What a worker is told that waits for one which does something else."""
    os.environ["ALEXNET_STALL_SECONDS"] = "1"
    module.ROLL_CALL_SECONDS = 0.5
    try:
        with join_workers("cpu") as world:
            if world.rank == 1:
                time.sleep(1.7)
            world.wait()
        return "nothing"
    except AlexNetError as loss:
        return str(loss)


def test_a_worker_that_stalls_is_named() -> None:
    said = each(stalled, [{}, {}])[0]
    assert said.startswith("No answer from worker 1 (process ")
    assert said.endswith("Start all workers again with --resume.")


@pytest.mark.parametrize("name", ["WORLD_SIZE", "LOCAL_RANK", "TORCHELASTIC_RESTART_COUNT"])
def test_an_environment_that_makes_no_sense(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for known in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(known, "2" if known == "WORLD_SIZE" else "0")
    monkeypatch.setenv(name, "two")
    with pytest.raises(AlexNetError, match=f"{name} is 'two' in the environment"):
        launcher_number(name, 1)


def defect(world: Workers) -> None:
    raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied, says worker {world.rank}")


def test_a_defect_of_ours_stays_one() -> None:
    with pytest.raises(WorkerFailed, match="RuntimeError: mat1 and mat2 shapes cannot be multiplied, says worker 0"):
        together(defect, 2)


def test_a_launcher_that_does_not_say_which_machine_has_put_each_worker_on_its_own() -> None:
    silent = {"LOCAL_RANK": "", "LOCAL_WORLD_SIZE": ""}
    assert each(local_place, [silent, silent]) == [(0, 1), (0, 1)]


def local_place() -> tuple[int, int]:
    with join_workers("cpu") as world:
        return world.local_rank, world.local_size
