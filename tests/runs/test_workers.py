"""A run over several workers: what they must agree on, what is refused, and how it goes on after a loss."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.parallel.workers import each, together

from alexnet.cli import main
from alexnet.comparison.compare import compare
from alexnet.data.curation.splits import Splits
from alexnet.data.open import open_dataset
from alexnet.errors import AlexNetError, BadRun
from alexnet.recipes.kinds import rules_of
from alexnet.recipes.networks import PUBLISHED_BATCH
from alexnet.recipes.overrides import with_overrides
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.resolve import ResolvedRun, TrainingRequest, recipe_of, resolve
from alexnet.runs import workers
from alexnet.runs.context import RunContext
from alexnet.runs.folder import RunFolder
from alexnet.runs.train import train
from alexnet.runs.workers import (
    check_same_splits,
    launch_command,
    own_cpus,
    require_one_process,
    require_out,
    should_resume,
    start_together,
)
from alexnet.runtime import distributed as roll_call
from alexnet.runtime.distributed import ALONE, Workers
from alexnet.studies.study import study

TWO = Workers(rank=1, size=2, local_rank=1, local_size=2)
LAUNCHED = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LAUNCHED.items():
        monkeypatch.setenv(name, value)


def recipe(model: str = "alexnet", **changes: Any) -> Recipe:
    dataset = open_dataset("digits")
    fields = {name.replace("__", "."): value for name, value in changes.items()}
    named = "paper" if model.startswith("alexnet") else "quick"
    size = 67 if model.startswith("alexnet") else None
    return recipe_of(TrainingRequest(data="digits", model=model, seed=0, image_size=size, overrides=fields, recipe=named), dataset)[0]


@pytest.mark.parametrize("verb", ["compare", "study"])
@pytest.mark.usefixtures("launched")
def test_verbs_that_start_processes_themselves_need_no_torchrun(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = f"alexnet {verb} starts its own processes: start it without torchrun."
    with pytest.raises(AlexNetError) as refusal:
        (compare if verb == "compare" else study)("digits")
    assert str(refusal.value) == said
    assert main([verb, "digits"]) == 2
    assert capsys.readouterr().err.strip() == said


def test_alone_they_go_on() -> None:
    require_one_process("compare")


def test_several_workers_need_a_folder_that_all_know() -> None:
    require_out(None, ALONE)
    require_out("runs/a", TWO)
    with pytest.raises(BadRun) as refusal:
        require_out(None, TWO)
    assert str(refusal.value) == "Several workers need a common run folder: choose it with --out."


def adapted(given: Recipe, layout: str, world: Workers) -> Recipe:
    return rules_of(given.model).adapted_to_workers(given, layout, 10, world, rates_are_given=False)


def test_a_system_is_fitted_by_one_process() -> None:
    assert adapted(recipe("hog-svm"), "alone", ALONE).model == "hog-svm"
    with pytest.raises(AlexNetError) as refusal:
        adapted(recipe("hog-svm"), "data", TWO)
    assert str(refusal.value) == "hog-svm runs in a single process: start it without torchrun. Only networks use several workers."


def test_the_network_is_checked_before_anything_is_read() -> None:
    with pytest.raises(AlexNetError, match="Layout towers needs one worker for each of the two towers, and 3 were started"):
        adapted(recipe(), "towers", Workers(rank=0, size=3))


@pytest.mark.parametrize(
    ("layout", "batch", "asked", "rate"),
    [
        ("hybrid", 512, {}, 4.0),
        ("hybrid", PUBLISHED_BATCH, {}, 1.0),
        ("hybrid", 64, {}, 1.0),
        ("hybrid", 512, {"training.conv_learning_rate": 1.0}, 1.0),
        ("hybrid", 512, {"training.conv-learning-rate": 1.0}, 1.0),
        ("data", 512, {}, 1.0),
    ],
)
def test_convolutions_learn_faster_in_large_batches_of_the_hybrid(layout: str, batch: int, asked: dict[str, Any], rate: float) -> None:
    overrides = {"training.averaging": 0.0, "training.batch_size": batch} | asked
    request = TrainingRequest(data="digits", model="alexnet", recipe="paper", image_size=67, overrides=overrides, layout=layout)
    resolved = resolve(request, open_dataset("digits"), device=torch.device("cpu"), world=TWO)
    assert (resolved.layout, resolved.recipe.training.conv_learning_rate) == (layout, rate)


def test_one_worker_s_recipe_is_left_as_it_is() -> None:
    given = with_overrides(recipe(), {"training.batch_size": 512})
    assert adapted(given, "hybrid", ALONE) is given


@pytest.mark.parametrize(
    ("restarts", "there", "asked", "expected"),
    [(0, True, False, False), (1, True, False, True), (1, False, False, False), (0, False, True, True), (3, True, True, True)],
)
def test_a_run_that_the_launcher_starts_anew_is_gone_on_with(
    restarts: int, there: bool, asked: bool, expected: bool, tmp_path: Path
) -> None:
    if there:
        (tmp_path / "recipe.toml").write_text("")
    assert should_resume(tmp_path, Workers(rank=0, size=2, restarts=restarts), requested=asked) is expected
    assert should_resume(None, Workers(rank=0, size=2, restarts=restarts), requested=False) is False


@pytest.mark.parametrize(
    ("world", "words"),
    [
        (ALONE, "alexnet"),
        (Workers(rank=0, size=2, local_size=2), "torchrun --nproc-per-node 2 -m alexnet"),
        (Workers(rank=0, size=8, local_size=2), "torchrun --nnodes 4 --nproc-per-node 2 -m alexnet"),
    ],
)
def test_how_to_start_as_many_workers_again(world: Workers, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(world.local_size))
    assert " ".join(launch_command(world)) == words


def test_the_workers_of_a_machine_share_its_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "available_cpus", lambda: 7)
    assert [own_cpus(Workers(rank=0, size=size, local_size=size)) for size in (1, 2, 3, 8)] == [7, 3, 2, 1]


def told(**words: Any) -> tuple[str, bool]:
    """What this worker is told by a training that cannot be, and whether another worker tells it for all."""
    data = words.pop("data", "digits")
    own = words.pop("own", {}).get(os.environ["RANK"], {})
    roll_call.ROLL_CALL_SECONDS = 0.5
    try:
        train(data, device="cpu", baseline=False, **(words | own))
    except AlexNetError as mistake:
        return str(mistake), mistake.reported
    return "trained", False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        *(
            pytest.param(words, said, marks=pytest.mark.slow)
            for words, said in (
                ({"out": None}, "Several workers need a common run folder: choose it with --out."),
                ({"layout": "halves"}, "No layout is called 'halves'. Known: data, hybrid, towers."),
                ({"model": "hog-svm"}, "hog-svm runs in a single process: start it without torchrun. Only networks use several workers."),
                (
                    {"model": "lenet", "layout": "towers"},
                    "lenet has 1 tower; layout towers needs two, as alexnet has. Use --layout data or hybrid.",
                ),
            )
        ),
        ({"data": "nowhere-at-all"}, "nowhere-at-all"),
    ],
    ids=["no folder", "layout", "system", "network", "data"],
)
def test_a_mistake_of_all_workers_is_told_once_and_nothing_is_written(words: dict[str, Any], said: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    answers = each(told, [{}, {}], **({"out": out, "model": "lenet"} | words))
    assert [told_by_another for _, told_by_another in answers] == [False, True]
    assert answers[0][0] == answers[1][0]
    assert said in answers[0][0]
    assert not out.exists()


def test_workers_with_different_recipes_are_refused(tmp_path: Path) -> None:
    answers = each(told, [{}, {}], out=tmp_path / "run", model="lenet", own={"1": {"seed": 5}})
    assert answers[0][0] == answers[1][0]
    assert answers[0][0].startswith("Workers differ in recipe: worker 0 has checksum ")
    assert ", worker 1 (process " in answers[0][0]
    assert answers[0][0].endswith("Make them the same on every machine, and start all workers again.")


def started(world: Workers, folder: Path, data: list[Path]) -> str:
    dataset = open_dataset(data[world.rank])
    recipe, _ = recipe_of(TrainingRequest(data="anything", model="lenet", seed=0), dataset)
    context = RunContext(folder=RunFolder(folder, writes=world.first), dataset=dataset, device=torch.device("cpu"), world=world)
    try:
        with start_together(ResolvedRun(recipe=recipe), context, resume=False):
            pass
    except AlexNetError as mistake:
        return str(mistake)
    return "started"


@pytest.fixture(scope="module")
def copies(digits_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The digits' folder under two names, and in the second one image less."""
    other = tmp_path_factory.mktemp("other machine") / "digits"
    names = sorted(file.relative_to(digits_folder) for file in digits_folder.glob("*/*.png"))
    for name in names[:-1]:
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).write_bytes((digits_folder / name).read_bytes())
    return digits_folder, other


def test_workers_with_different_images_are_refused(copies: tuple[Path, Path], tmp_path: Path) -> None:
    one, other = together(started, 2, tmp_path / "run", list(copies))
    assert one == other
    assert one.startswith("Workers differ in pictures: worker 0 has 300 pictures of 10 classes, worker 1 (process ")
    assert "has 299 pictures of 10 classes. Make them the same on every machine" in one


def test_the_first_worker_makes_the_folder_for_all(digits_folder: Path, tmp_path: Path) -> None:
    assert together(started, 2, tmp_path / "run", [digits_folder] * 2) == ["started"] * 2
    assert {file.name for file in (tmp_path / "run").iterdir()} == {".lock", "recipe.toml"}


def unseen(world: Workers, folder: Path, data: Path) -> str:
    workers.SIGHT_SECONDS = 0.5
    return started(world, folder / str(world.rank), [data] * world.size)


def test_a_folder_that_not_all_machines_see_is_refused(digits_folder: Path, tmp_path: Path) -> None:
    one, other = together(unseen, 2, tmp_path, digits_folder)
    assert one == "started"
    assert other == f"Worker 1 cannot see {tmp_path / '1'}: --out must be on a disk that all machines share."


def split(world: Workers, train_on: list[tuple[int, ...]]) -> str:
    try:
        check_same_splits(Splits(train=train_on[world.rank], validation=(7,), test=()), world)
    except AlexNetError as mistake:
        return str(mistake)
    return "same"


def test_workers_that_would_train_on_different_images_are_refused() -> None:
    assert together(split, 2, [(1, 2, 3), (1, 2, 3)]) == ["same", "same"]
    one, other = together(split, 2, [(1, 2, 3), (1, 2, 4)])
    assert one == other
    assert one.startswith("Workers differ in splits: worker 0 has 3 training pictures, checksums ")


def test_a_run_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    """Only the first worker writes, so it alone refuses; the others do not wait for it without end."""
    (tmp_path / "recipe.toml").write_text("")
    first, other = each(told, [{"ALEXNET_STALL_SECONDS": "1"}] * 2, out=tmp_path, model="lenet")
    assert first == (f"{tmp_path} already holds a run. Add --resume to resume it, or choose another --out.", False)
    assert other[0] != "trained"
