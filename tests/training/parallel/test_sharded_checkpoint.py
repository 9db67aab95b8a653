"""Checkpoints of a divided network: read by any number of workers in any layout, there whole or not at all, and never pickle."""

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from safetensors import safe_open
from tests.training.parallel.cases import ALEXNET, EXACT, Case, Trained, alone, assert_same, difference, held, new_model, train, whole
from tests.training.parallel.workers import together

from alexnet.errors import BadRun, CannotWrite
from alexnet.runtime.distributed import ALONE, Workers
from alexnet.storage.tensors import read_tensors
from alexnet.training.checkpoint import Checkpoints
from alexnet.training.optimizer import Descent
from alexnet.training.parallel import sharded_checkpoint
from alexnet.training.parallel.layout import TABLE, Layout
from alexnet.training.parallel.registry import parallelize
from alexnet.training.state import TrainingState

AVERAGED = ALEXNET.training(averaging=0.9)
WRITERS = [("alone", 1), ("data", 2), ("towers", 2), ("hybrid", 2), ("hybrid", 4)]
READERS = [*WRITERS, ("data", 3)]
FAST = (("alone", 1), ("hybrid", 2))  # the others in make test-slow
STOP = 6  # in the middle of the second epoch

Written = dict[str, tuple[Path, list[Trained]]]


def trained(case: Case, layout: str, workers: int, folder: Path, stop_after: int = 0) -> list[Trained]:
    """The case's training in a layout, to its end or the step that it stops after."""
    if workers == 1:
        return [alone(case, folder, stop_after)]
    return together(train, workers, case, layout, folder, stop_after)


def read_all(world: Workers, case: Case, layout: str, folders: list[Path]) -> list[Trained]:
    """What a worker of a layout makes of each checkpoint."""
    return [held(case, parallelize(new_model(case), layout, world, case.config), folder) for folder in folders]


def resumed(folder: Path, case: Case = ALEXNET) -> TrainingState | None:
    """What one process finds in a folder of checkpoints."""
    model = new_model(case)
    return Checkpoints(folder, 1e9, Layout(model)).resume(model, Descent(model, case.config), None)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """A checkpoint of each layout, and what its workers held."""
    root = tmp_path_factory.mktemp("written")
    made = {f"{layout}-{workers}": (root / f"{layout}-{workers}", layout, workers) for layout, workers in WRITERS}
    return {name: (folder, trained(ALEXNET, layout, workers, folder, STOP)) for name, (folder, layout, workers) in made.items()}


@pytest.fixture
def divided(written: Written, tmp_path: Path) -> Path:
    """A copy of the hybrid's checkpoints, to spoil."""
    return Path(shutil.copytree(written["hybrid-2"][0], tmp_path / "checkpoints"))


@pytest.mark.parametrize(("layout", "workers"), [pytest.param(*one, marks=() if one in FAST else pytest.mark.slow) for one in READERS])
def test_every_layout_reads_what_every_other_wrote(layout: str, workers: int, written: Written) -> None:
    folders = [folder for folder, _ in written.values()]
    read = together(read_all, workers, ALEXNET, layout, folders) if workers > 1 else [read_all(ALONE, ALEXNET, layout, folders)]
    for place, (name, (_, writers)) in enumerate(written.items()):
        readers = [worker[place] for worker in read]
        for part in ("weights", "momentum"):
            theirs = whole([getattr(worker, part) for worker in writers], writers[0].dims)
            mine = whole([getattr(worker, part) for worker in readers], readers[0].dims)
            assert mine.keys() == theirs.keys()
            assert all(torch.equal(mine[key], theirs[key]) for key in mine), f"{part} of {name}"
        for reader in readers:
            assert (reader.step, reader.images_seen, reader.history) == (STOP, 7, writers[0].history)


def test_the_average_of_the_weights_goes_along(tmp_path: Path) -> None:
    towers = trained(AVERAGED, "towers", 2, tmp_path, STOP)
    [one] = read_all(ALONE, AVERAGED, "alone", [tmp_path])
    theirs = whole([worker.average for worker in towers], towers[0].dims)
    assert difference(one.average, theirs) == 0.0
    assert difference(one.average, one.weights) > 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "legs"),
    [
        (AVERAGED, [("towers", 2, 4), ("data", 3, 9), ("alone", 1, 13), ("towers", 2, 0)]),
        pytest.param(
            ALEXNET,
            [("hybrid", 4, 3), ("towers", 2, 7), ("hybrid", 2, 10), ("alone", 1, 12), ("data", 2, 16), ("hybrid", 2, 0)],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_run_that_changes_its_layout_ends_in_the_same_weights(case: Case, legs: list[tuple[str, int, int]], tmp_path: Path) -> None:
    straight = alone(case, tmp_path / "straight")
    changing, done, many = tmp_path / "changing", 0, []
    for layout, workers, stop in legs:
        many = trained(case, layout, workers, changing, stop - done if stop else 0)
        done = stop or 20
        assert many[0].step == done
        assert len(many[0].losses) > 0
        kinds = sorted(entry.name.removesuffix("-end") for entry in changing.glob("last*"))
        assert kinds == (["last.safetensors"] if layout in ("alone", "data") else [f"last-{done:08}"]), "one checkpoint is kept"
    assert_same(many, straight)
    best = [read_tensors(folder / "best.safetensors")[0] for folder in (tmp_path / "straight", changing)]
    assert difference(*best) < EXACT


def broken_off(world: Workers, folder: Path, saves: int) -> int:
    """A training that saves after each step, whose disk is full at one of its saves; gives how many there were."""
    tried: list[None] = []
    save = vars(sharded_checkpoint)["save"]

    def full(*words: Any, **named: Any) -> Any:
        tried.append(None)
        if len(tried) > saves:
            raise OSError(28, "No space left on device")
        return save(*words, **named)

    with patch.object(sharded_checkpoint, "save", full), suppress(CannotWrite):
        train(world, ALEXNET, "towers", folder, every_seconds=1e-9)
    return len(tried)


@pytest.mark.parametrize(
    "saves", [*(pytest.param(saves, marks=pytest.mark.slow) for saves in (1, 4, 5)), 6]
)  # the fifth step is saved twice: as a step, and as the end of an epoch
def test_a_save_that_fails_leaves_the_checkpoint_before(saves: int, tmp_path: Path) -> None:
    assert together(broken_off, 2, tmp_path, saves) == [saves + 1, saves + 1]
    state = resumed(tmp_path)
    assert state is not None
    assert (state.step, state.epoch) == {1: (1, 0), 4: (4, 0), 5: (5, 0), 6: (5, 1)}[saves]


def test_a_checkpoint_without_its_table_is_not_there(divided: Path) -> None:
    [folder] = divided.glob("last-*")
    (folder / TABLE).unlink()
    assert resumed(divided) is None


def test_the_checkpoint_before_a_half_written_one_counts(divided: Path) -> None:
    half = shutil.copytree(divided / f"last-{STOP:08}", divided / "last-00000019")
    (half / TABLE).rename(half / f"{TABLE}.partial")
    state = resumed(divided)
    assert state is not None
    assert state.step == STOP


@pytest.mark.parametrize("damage", ["missing", "cut short", "emptied"])
def test_a_checkpoint_that_is_not_whole_is_refused_with_its_file(damage: str, divided: Path) -> None:
    [folder] = divided.glob("last-*")
    shard = sorted(folder.glob("*.safetensors"))[-1]
    if damage == "missing":
        shard.unlink()
    else:
        shard.write_bytes(shard.read_bytes()[: -1 if damage == "cut short" else 0])
    with pytest.raises(BadRun) as refusal:
        resumed(divided)
    assert str(refusal.value) == (
        f"{folder} is incomplete: {shard.name} is missing or truncated. Copy the run again, or delete the folder to start over."
    )


def test_a_shard_that_is_no_shard_is_refused(divided: Path) -> None:
    [folder] = divided.glob("last-*")
    shard = sorted(folder.glob("*.safetensors"))[0]
    shard.write_bytes(b"\xff" * shard.stat().st_size)
    with pytest.raises(BadRun) as refusal:
        resumed(divided)
    assert str(refusal.value).startswith(f"{folder} cannot be read (")
    assert "Delete it to continue without it, or copy the run again." in str(refusal.value)


def test_a_checkpoint_without_one_worker_s_part_is_refused(divided: Path) -> None:
    """Its table says that it is whole, as that of a folder that was put together by hand would."""
    [folder] = divided.glob("last-*")
    gone = sorted(folder.glob("*.safetensors"))[-1]
    table = json.loads((folder / TABLE).read_text())
    del table["files"][gone.name]
    (folder / TABLE).write_text(json.dumps(table))
    gone.unlink()
    with pytest.raises(BadRun, match=r"cannot be read|is not a checkpoint of this network"):
        resumed(divided)


@pytest.mark.parametrize("table", [b"", b"{", b"[]", b"null", b"{}", b'{"files": {}}', b'{"files": 7, "state": "{}"}', b"\xff\xfe"])
def test_a_damaged_table_is_named(table: bytes, divided: Path) -> None:
    [folder] = divided.glob("last-*")
    (folder / TABLE).write_bytes(table)
    with pytest.raises(BadRun) as refusal:
        resumed(divided)
    assert str(refusal.value).startswith(f"{folder / TABLE} is damaged (")
    assert str(refusal.value).endswith(f"). Delete {folder} to continue without it, or copy the run again.")


@pytest.mark.parametrize("state", ["", "{}", "[]", "null", "5"])
def test_a_state_that_is_none_is_refused(state: str, divided: Path) -> None:
    [folder] = divided.glob("last-*")
    table = json.loads((folder / TABLE).read_text())
    (folder / TABLE).write_text(json.dumps(table | {"state": state}))
    with pytest.raises(BadRun, match="is not a checkpoint of this network"):
        resumed(divided)


def test_a_name_in_the_table_cannot_leave_the_folder(divided: Path) -> None:
    [folder] = divided.glob("last-*")
    table = json.loads((folder / TABLE).read_text())
    table["files"]["../../secret"] = 3
    (folder / TABLE).write_text(json.dumps(table))
    (divided.parent / "secret").write_text("abc")
    with pytest.raises(BadRun, match=r"secret is missing or truncated"):
        resumed(divided)


def test_a_checkpoint_of_another_network_is_refused(divided: Path) -> None:
    with pytest.raises(BadRun) as refusal:
        resumed(divided, ALEXNET.network(fully_connected=1))
    [folder] = divided.glob("last-*")
    assert str(refusal.value) == f"{folder} is not a checkpoint of this network. Delete it to start the run again."


@pytest.mark.parametrize("later", ["alone", "hybrid"])
def test_of_both_kinds_the_later_step_counts(later: str, written: Written, divided: Path, tmp_path: Path) -> None:
    step = STOP + (2 if later == "alone" else -2)
    file = tmp_path / "one" / "last.safetensors"
    alone(ALEXNET, file.parent, step)
    shutil.copy(file, divided)
    state = resumed(divided)
    assert state is not None
    assert state.step == max(step, STOP)


def test_saving_as_a_whole_removes_the_parts_and_the_other_way_round(divided: Path) -> None:
    alone(ALEXNET, divided, 1)
    assert [entry.name for entry in divided.glob("last*")] == ["last.safetensors"]


@pytest.mark.parametrize("layout", ["towers-2", "hybrid-2", "hybrid-4"])
def test_nothing_in_the_folder_is_pickle(layout: str, written: Written) -> None:
    folder, workers = written[layout]
    files = [file for file in folder.rglob("*") if file.is_file()]
    shards = sorted(file.name for file in files if file.suffix == ".safetensors" and file.parent != folder)
    assert len(shards) == len(workers), "every worker has written its part"
    for file in files:
        if file.suffix == ".safetensors":
            with safe_open(file, framework="pt") as tensors:
                assert list(tensors.keys())
        else:
            assert file.suffix == ".json", file
            json.loads(file.read_text(encoding="utf-8"))


def test_no_worker_writes_what_the_others_hold(written: Written) -> None:
    """The parts together are as large as the whole, where nothing is divided twice or written twice."""

    def size(folder: Path, pattern: str) -> int:
        return sum(file.stat().st_size for file in folder.glob(pattern))

    whole_size = size(written["alone-1"][0], "last.safetensors")
    for name in ("towers-2", "hybrid-4"):
        assert size(written[name][0], "last-*/*.safetensors") < 1.2 * whole_size
