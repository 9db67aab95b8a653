"""How large the runs of a study are: everything that the budget says, and nothing measured here."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from alexnet.data.dataset import Dataset
from alexnet.data.open import open_dataset
from alexnet.errors import BudgetTooSmall
from alexnet.recipes.recipe import Recipe
from alexnet.studies.arms import Scale, common_recipe
from alexnet.studies.scale import (
    ENOUGH_EPOCHS,
    FEWEST_EPOCHS,
    MOST_EPOCHS,
    Workload,
    choose_scale,
    epochs_for,
    expected_half_width,
    probe,
    scales,
    seconds_for,
)


@pytest.fixture(scope="module", params=[32, 100])
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("ant", "bee"):
        (folder / name).mkdir()
        for number in range(4):
            Image.new("RGB", (request.param, request.param), (number * 40, 90, 90)).save(folder / name / f"{number}.png")
    return open_dataset(folder)


def workload(dataset: Dataset, train: int = 10_000) -> Callable[[Scale], Workload]:
    def at(scale: Scale) -> Workload:
        common = common_recipe("pictures", dataset, scale, {})
        arms = [common, replace(common, network=replace(common.network, dropout=0.0))]
        return Workload(recipes=arms, train=train, validation=1_000, judged=1_000, classes=2, seeds=3)

    return at


def speed(recipe: Recipe) -> float:
    """A machine on which the full width takes 10 ms an image, and less in proportion."""
    return 0.01 * (recipe.network.width or 1.0)


def test_the_ladder_goes_from_large_networks_to_few_images(dataset: Dataset) -> None:
    ladder = scales(dataset, 50_000)
    assert [one.width for one in ladder] == sorted((one.width for one in ladder), reverse=True)
    assert all(one.fraction == 1.0 for one in ladder if one.width > ladder[-1].width)
    assert ladder[-1].fraction < 1.0
    assert all(one.fraction == 1.0 for one in scales(dataset, 1_500))  # a share would leave too few


def test_more_time_never_makes_anything_smaller(dataset: Dataset) -> None:
    chosen = [choose_scale(scales(dataset, 10_000), workload(dataset), speed, seconds)[0] for seconds in (2_000, 8_000, 60_000, 900_000)]
    rank = [(one.width, one.fraction) for one in chosen]
    assert rank == sorted(rank)
    assert chosen[-1].epochs == MOST_EPOCHS
    assert all(FEWEST_EPOCHS <= one.epochs <= MOST_EPOCHS for one in chosen)


def test_a_plan_fits_its_time(dataset: Dataset) -> None:
    for seconds in (2_000, 20_000, 200_000):
        scale, work = choose_scale(scales(dataset, 10_000), workload(dataset), speed, seconds)
        assert work.recipes[0].training.epochs == scale.epochs
        assert seconds_for(work, speed(work.recipes[0]), scale.epochs) <= seconds


def test_a_larger_network_waits_until_its_epochs_are_enough(dataset: Dataset) -> None:
    scale, _ = choose_scale(scales(dataset, 10_000), workload(dataset), speed, 20_000)
    larger = [one for one in scales(dataset, 10_000) if (one.width, one.size, one.fraction) > (scale.width, scale.size, scale.fraction)]
    for one in larger:
        assert epochs_for(workload(dataset)(one), speed(workload(dataset)(one).recipes[0]), 20_000) < ENOUGH_EPOCHS


def test_epochs_that_are_asked_for_are_kept(dataset: Dataset) -> None:
    ladder = [replace(one, epochs=2.0) for one in scales(dataset, 10_000)]
    scale, _ = choose_scale(ladder, workload(dataset), speed, 3_000, fixed_epochs=2.0)
    assert scale.epochs == 2.0
    with pytest.raises(BudgetTooSmall, match="runs of 2 epochs"):
        choose_scale(ladder, workload(dataset), speed, 1.0, fixed_epochs=2.0)


def test_too_little_time_is_refused_with_what_is_needed(dataset: Dataset) -> None:
    with pytest.raises(BudgetTooSmall) as refusal:
        choose_scale(scales(dataset, 10_000), workload(dataset), speed, 30.0)
    assert "6 runs of 3 epochs with the smallest network take about" in str(refusal.value)
    assert "longer --budget, fewer --claims or fewer --seeds" in str(refusal.value)


def test_the_interval_to_expect_narrows_with_images_and_seeds() -> None:
    assert expected_half_width(10_000, 3) < expected_half_width(300, 3)
    assert expected_half_width(10_000, 5) < expected_half_width(10_000, 3)
    assert expected_half_width(400, 10**9) == pytest.approx(1.96 * (0.25 / 400) ** 0.5)


def test_a_probe_measures_real_steps(dataset: Dataset) -> None:
    scale = scales(dataset, 100)[-1]
    assert probe((common_recipe(str(Path("pictures")), dataset, scale, {"training.batch_size": "4"}), "cpu"), lambda: True) > 0
