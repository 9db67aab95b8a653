"""How large the runs of a study are: everything that the budget says, and nothing measured here."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from PIL import Image

from alexnet.data.dataset import Dataset
from alexnet.data.open import open_dataset
from alexnet.errors import BudgetTooSmall
from alexnet.recipes.recipe import Recipe
from alexnet.studies.arms import common_recipe, resolve
from alexnet.studies.claim import Extent
from alexnet.studies.registry import STUDIES
from alexnet.studies.scale import FEWEST_IMAGES, Scale, Workload, choose_scale, scales, seconds_for, share_for
from alexnet.studies.speed import MeasuredSpeed, probe

EPOCHS = 30.0


@pytest.fixture(scope="module", params=[32, 100])
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("ant", "bee"):
        (folder / name).mkdir()
        for number in range(4):
            Image.new("RGB", (request.param, request.param), (number * 40, 90, 90)).save(folder / name / f"{number}.png")
    return open_dataset(folder)


def workload(dataset: Dataset, train: int = 10_000) -> Callable[[Scale], Workload]:
    """The work of the dropout study, and a search of three rates of each arm."""

    def at(scale: Scale) -> Workload:
        common = common_recipe("pictures", dataset, scale, {})
        arms = resolve(STUDIES["dropout"].at(scale.extent), common, dataset, seeds=1)
        searched = [recipe for recipe in arms.recipes if recipe.training.epochs == scale.epochs]
        return Workload(recipes=arms.recipes, searched=3 * searched, train=train, validation=5_000, judged=1_000, classes=2, seeds=3)

    return at


@dataclass
class Machine:
    """One on which the full width takes 10 ms an image, and less in proportion. guess: what is estimated, as a share of that."""

    guess: float = 1.0
    asked: list[float] = field(default_factory=list)

    def measured(self, recipe: Recipe) -> float:
        self.asked.append(recipe.network.width or 1.0)
        return 0.01 * (recipe.network.width or 1.0)

    def guessed(self, recipe: Recipe) -> float:
        return self.guess * 0.01 * (recipe.network.width or 1.0)


def planned(dataset: Dataset, runs: float, train: int = 10_000) -> tuple[Scale, Workload]:
    """The plan for as much time as so many runs of 1,000 images take on the smallest network."""
    return choose_scale(scales(dataset, EPOCHS), workload(dataset, train), Machine(), runs * seconds_of_a_run(dataset))


def seconds_of_a_run(dataset: Dataset) -> float:
    return EPOCHS * 1_000 * 0.01 * scales(dataset, EPOCHS)[-1].width


def test_the_ladder_has_all_images_at_every_width(dataset: Dataset) -> None:
    ladder = scales(dataset, EPOCHS)
    assert [one.width for one in ladder] == sorted((one.width for one in ladder), reverse=True)
    assert {(one.fraction, one.epochs, one.extent) for one in ladder} == {(1.0, EPOCHS, "all")}


def test_more_time_is_spent_on_arms_then_on_images_then_on_width_and_never_on_epochs(dataset: Dataset) -> None:
    extents: list[Extent] = ["equal", "core", "all"]
    chosen = [planned(dataset, runs)[0] for runs in (30, 40, 60, 150, 300, 1_000, 5_000, 100_000)]
    rank = [(one.width, extents.index(one.extent), one.fraction) for one in chosen]
    assert rank == sorted(rank)
    assert {one.extent for one in chosen} == set(extents)
    assert {one.epochs for one in chosen} == {EPOCHS}
    assert all(one.fraction == 1.0 for one in chosen if one.width > chosen[0].width)
    assert chosen[-1].width == 1.0


def test_a_plan_fits_its_time_and_has_images_enough(dataset: Dataset) -> None:
    for runs in (30, 70, 400, 5_000):
        scale, work = planned(dataset, runs)
        assert work.recipes[0].fraction == scale.fraction
        assert seconds_for(work, Machine().measured(work.recipes[0])) <= runs * seconds_of_a_run(dataset)
        assert scale.fraction * work.train >= FEWEST_IMAGES * 0.999


def test_few_images_are_all_used(dataset: Dataset) -> None:
    scale, _ = planned(dataset, 40, train=480)
    assert scale.fraction == 1.0
    with pytest.raises(BudgetTooSmall):
        planned(dataset, 9, train=480)  # half of them would do, and would not fit their training images in these epochs


def test_a_share_is_the_largest_that_fits(dataset: Dataset) -> None:
    work = workload(dataset)(scales(dataset, EPOCHS)[-1])
    for seconds in (8e3, 1.5e4):
        share = share_for(work, 0.001, seconds)
        assert seconds_for(work, 0.001, share) == pytest.approx(seconds, rel=1e-3)
        assert seconds_for(work, 0.001, share) <= seconds * (1 + 1e-9)
    assert share_for(work, 0.001, 1.0) == 0.0
    assert share_for(work, 0.001, 1e9) == 1.0


def test_runs_validate_ten_times_at_most_and_on_no_more_images_than_they_train_on(dataset: Dataset) -> None:
    scale = scales(dataset, EPOCHS)[-1]
    common = common_recipe("pictures", dataset, replace(scale, fraction=0.1), {})
    few, many = (Workload(recipes=[common], train=10_000, validation=size, judged=0, classes=2, seeds=1) for size in (1_000, 1_000_000))
    assert seconds_for(few, 0.001) == seconds_for(many, 0.001)
    assert seconds_for(many, 0.001) < 1.2 * (2 + 0.001 * 30 * 1_000)


def test_scales_without_hope_are_not_measured(dataset: Dataset) -> None:
    machine = Machine()
    choose_scale(scales(dataset, EPOCHS), workload(dataset), machine, 1e5)
    assert max(machine.asked) < 1.0


def test_a_share_that_is_asked_for_is_kept(dataset: Dataset) -> None:
    ladder = [replace(one, fraction=0.05) for one in scales(dataset, EPOCHS)]
    scale, _ = choose_scale(ladder, workload(dataset), Machine(), 1e5, fixed_fraction=True)
    assert scale.fraction == 0.05
    with pytest.raises(BudgetTooSmall, match="runs of 30 epochs"):
        choose_scale(ladder, workload(dataset), Machine(), 1.0, fixed_fraction=True)


def test_too_little_time_is_refused_with_what_is_needed(dataset: Dataset) -> None:
    with pytest.raises(BudgetTooSmall) as refusal:
        planned(dataset, 1)
    assert "24 runs of 30 epochs with the smallest network take about" in str(refusal.value)  # 4 arms: 3 seeds, and 3 rates
    assert "longer --budget, fewer --claims or fewer --seeds" in str(refusal.value)


def test_a_probe_measures_real_steps_and_the_rest_is_guessed_from_it(dataset: Dataset) -> None:
    scale = scales(dataset, EPOCHS)[-1]
    common = common_recipe(str(Path("pictures")), dataset, scale, {"training.batch_size": "4"})
    assert probe((common, "cpu"), lambda: True) > 0
    speed = MeasuredSpeed(device="cpu", processes=1, classes=2, should_stop=lambda: False)
    assert speed.guessed(common) == 0.0
    speed.known["x"] = common, 0.002
    assert speed.guessed(common) == pytest.approx(0.002)
    assert speed.guessed(replace(common, network=replace(common.network, width=1.0))) > 0.004
