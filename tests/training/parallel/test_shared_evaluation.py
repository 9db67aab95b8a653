"""Workers that share an evaluation all get what one process measures."""

from typing import Any

import numpy as np
import pytest
import torch
from tests.training.parallel.cases import ALEXNET, CLASSES, STORED, new_model, noise
from tests.training.parallel.workers import together

from alexnet.data.pipeline.image_store import open_images
from alexnet.errors import BadModel
from alexnet.evaluation.evaluate import Evaluation, evaluate
from alexnet.runtime.distributed import ALONE, Workers


def measured(world: Workers, view: Any, count: int, batch_size: int = 4) -> Evaluation:
    """The noise under an untrained network; batches are small, so that every share has several."""
    dataset = noise(count)
    store = open_images(dataset, STORED, "crop", workers=0, check=False, world=world)
    classes = [f"c{label}" for label in range(CLASSES)]
    order = list(reversed(range(count)))  # rows are rows of the indices, not of the data set
    return evaluate(new_model(ALEXNET), dataset, store, order, classes, view=view, flip=True, batch_size=batch_size, world=world)


@pytest.mark.parametrize(
    ("workers", "view", "count"),
    [
        pytest.param(2, "ten", 23, marks=pytest.mark.slow),
        (3, "ten", 13),
        (2, "any", 5),
        (2, "centre", 1),
        pytest.param(3, "centre", 4, marks=pytest.mark.slow),
    ],
)
def test_workers_measure_what_one_process_does(workers: int, view: str, count: int) -> None:
    one = measured(ALONE, view, count)
    for its in together(measured, workers, view, count):
        assert np.abs(its.probabilities - one.probabilities).max() < 1e-6
        assert its.probabilities.dtype == one.probabilities.dtype
        for name in ("labels", "indices", "confusion"):
            assert np.array_equal(getattr(its, name), getattr(one, name)), name
        for name in ("n", "top1_error", "top5_error", "interval", "per_class", "views_per_image", "classes"):
            assert getattr(its, name) == getattr(one, name), name
        assert its.calibration_error == pytest.approx(one.calibration_error, abs=1e-5)


def test_image_by_image_not_a_bit_differs() -> None:
    one = measured(ALONE, "ten", 7, 1)
    for its in together(measured, 2, "ten", 7, 1):
        assert np.array_equal(its.probabilities, one.probabilities)


def broken(world: Workers) -> str:
    model, dataset = new_model(ALEXNET), noise(6)
    if world.rank == 1:
        with torch.no_grad():
            next(model.parameters()).fill_(float("nan"))
    store = open_images(dataset, STORED, "crop", workers=0, check=False)
    try:
        evaluate(model, dataset, store, range(6), [f"c{label}" for label in range(CLASSES)], flip=False, world=world)
    except BadModel as refusal:
        return str(refusal)
    return "measured"


def test_scores_that_are_not_finite_on_one_worker_are_refused_on_all() -> None:
    assert {said.startswith("The model's scores for noise are not finite") for said in together(broken, 2)} == {True}
