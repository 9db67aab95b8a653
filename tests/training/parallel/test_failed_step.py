"""A loss that is not finite on one worker stops all of them at the same step, with the weights from before it."""

import math
from pathlib import Path

import pytest
import torch
from tests.training.parallel.cases import ALEXNET, BATCH, CONFIG, batches, new_model
from tests.training.parallel.workers import together
from torch import Tensor, nn

from alexnet.errors import TrainingFailed
from alexnet.runtime.distributed import Workers
from alexnet.training.checkpoint import Checkpoints
from alexnet.training.loop import fit
from alexnet.training.optimizer import Descent
from alexnet.training.parallel.layout import local
from alexnet.training.parallel.registry import parallelize
from alexnet.training.step import training_step
from alexnet.training.training import Training


def job(world: Workers, layout: str, spoiled: int) -> tuple[bool, bool, bool]:
    """Of a step whose scores are not finite on one worker, on this one: whether the loss is finite, the step failed, weights moved."""
    spread = parallelize(new_model(ALEXNET), layout, world, CONFIG)
    descent = Descent(spread.model, CONFIG)
    before = {name: local(value).clone() for name, value in spread.model.state_dict().items()}
    if world.rank == spoiled:
        spread.forward.register_forward_hook(_without_numbers)
    images, labels = next(batches(BATCH, spread.rows).epoch(0))
    spread.begin(BATCH)
    loss, _ = training_step(spread.forward, descent, images, labels, 0.1, "fp64", BATCH, spread.step_totals)
    moved = any(not torch.equal(local(value), before[name]) for name, value in spread.model.state_dict().items())
    return math.isfinite(loss.item()), bool(descent.failed), moved


def _without_numbers(module: nn.Module, inputs: object, scores: Tensor) -> Tensor:
    return scores * math.nan


@pytest.mark.parametrize("layout", ["data", pytest.param("hybrid", marks=pytest.mark.slow)])
def test_all_workers_skip_the_step_that_fails_on_one(layout: str) -> None:
    assert together(job, 2, layout, 1) == [(False, True, False)] * 2
    assert together(job, 2, layout, -1) == [(True, False, True)] * 2


def stopped(world: Workers, folder: Path) -> str:
    """What a training says whose second worker's scores are no numbers at its third step; losses are read seldom."""
    spread, steps = parallelize(new_model(ALEXNET), "data", world, CONFIG), []

    def hook(module: nn.Module, inputs: object, scores: Tensor) -> Tensor:
        steps.append(0)
        return scores * math.nan if world.rank == 1 and len(steps) == 3 else scores

    spread.forward.register_forward_hook(hook)
    training = Training(
        model=spread.model,
        batches=batches(BATCH, spread.rows),
        validation=list,
        config=CONFIG,
        checkpoints=Checkpoints(folder, 1e9, spread),
        seed=7,
        device=torch.device("cpu"),
        layout=spread,
        log_interval=4,
    )
    with pytest.raises(TrainingFailed) as failure:
        fit(training)
    return str(failure.value).splitlines()[0]


def test_all_workers_name_the_same_step_where_losses_are_read_seldom(tmp_path: Path) -> None:
    assert together(stopped, 2, tmp_path) == ["Training stopped: the loss became nan at step 3."] * 2
