"""Losses that wait to be read: what a training that reads them seldom must share with one that reads each at once."""

import math
from collections.abc import Generator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.tiny import CONFIG, Clock, DigitBatches, events, training, weights
from torch import Tensor

from alexnet.errors import Interrupted, TrainingFailed
from alexnet.runtime.events import StepDone
from alexnet.storage.tensors import read_tensors
from alexnet.training.loop import fit
from alexnet.training.step import Batch
from alexnet.training.step_losses import LOG_INTERVAL, StepLoss, StepLosses

AVERAGED = replace(CONFIG, averaging=0.8)


def test_steps_are_read_together_and_in_order() -> None:
    losses = StepLosses(torch.device("cpu"), 3)
    losses.interval = 3
    for step, loss in enumerate((2.0, 1.5, math.nan), start=7):
        assert not losses.due()
        losses.add(step, torch.tensor(loss), torch.tensor(step), 32)
    assert losses.due()
    first, second, third = losses.read()
    assert (first, second) == (StepLoss(7, 2.0, 7, 32), StepLoss(8, 1.5, 8, 32))
    assert math.isnan(third.loss)
    assert losses.read() == []


def test_a_cpu_reads_each_step_and_a_gpu_as_many_as_a_second_holds() -> None:
    cpu, gpu = StepLosses(torch.device("cpu")), StepLosses(torch.device("cuda"))
    assert cpu.steps_within(1e-6) == cpu.interval == gpu.interval == 1
    assert [gpu.steps_within(seconds) for seconds in (0.0, 1e-3, 0.1, 0.5, 30.0)] == [LOG_INTERVAL, LOG_INTERVAL, 10, 2, 1]


def reached(taken: list[StepDone], stop: int) -> bool:
    return len(taken) >= stop


@pytest.mark.parametrize("config", [CONFIG, AVERAGED], ids=["plain", "averaged"])
def test_a_training_that_reads_seldom_is_the_same_to_the_bit_wherever_it_stops(config: Any, tmp_path: Path) -> None:
    straight = training(tmp_path / "straight", config)
    state = fit(straight)
    for stop in range(state.step):
        taken: list[StepDone] = []
        folder = tmp_path / str(stop)
        one = training(folder, config, listen=events(StepDone, taken), log_interval=4)
        if stop:
            one.should_stop = partial(reached, taken, stop)
            with pytest.raises(Interrupted, match=f"Stopped after step {stop};"):
                fit(one)
            one = training(folder, config, seed=99, log_interval=4)
        again = fit(one)
        for name, value in weights(straight).items():
            assert torch.equal(weights(one)[name], value), (stop, name)
        rows = [[{name: row[name] for name in row if "second" not in name} for row in its.history] for its in (again, state)]
        assert rows[0] == rows[1]


def test_a_step_that_was_not_read_yet_is_told_with_a_recent_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", Clock())  # as fast as can be: the interval is the longest
    each, seldom = list[StepDone](), list[StepDone]()
    fit(training(tmp_path / "each", listen=events(StepDone, each)))
    fit(training(tmp_path / "seldom", listen=events(StepDone, seldom), log_interval=2))
    exact = [event.loss for event in each]
    # the first step is read at once, then every second one, and what is left at the end of an epoch of three
    assert [event.loss for event in seldom] == [exact[place] for place in (0, 0, 2, 2, 4, 4, 5, 7)]


class Spoiled(DigitBatches):
    """Digits of which the n-th batch that is asked for cannot be learned from."""

    spoil = 0

    def epoch(self, epoch: int, first_step: int = 0) -> Generator[Batch, None, None]:
        for images, labels in super().epoch(epoch, first_step):
            broken = images.float()
            broken[0, 0, 0, 0] = math.nan if len(self.read) == self.spoil else broken[0, 0, 0, 0]
            yield broken, labels


@pytest.mark.parametrize("spoil", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("log_interval", [1, 4])
def test_the_failed_step_is_named_and_the_weights_are_those_before_it(spoil: int, log_interval: int, tmp_path: Path) -> None:
    taken: list[dict[str, Tensor]] = []
    batches = Spoiled()
    batches.spoil = spoil
    one = training(tmp_path, AVERAGED, batches=batches, log_interval=log_interval)
    one.listen = lambda event: taken.append(weights(one)) if isinstance(event, StepDone) else None
    start = weights(one)
    with pytest.raises(TrainingFailed, match=f"the loss became nan at step {spoil}\\.") as failure:
        fit(one)
    for name, value in weights(one).items():
        assert torch.equal(value, (start, *taken)[spoil - 1][name]), name
    ratios = str(failure.value).split("about 0.001): ")[1].splitlines()[0]
    assert spoil == 1 or "nan" not in ratios
    for path in (one.checkpoints.best, one.checkpoints.last):
        assert path.exists() is (spoil > 3)
        assert not path.exists() or all(tensor.isfinite().all() for tensor in read_tensors(path)[0].values())


def test_no_checkpoint_is_written_after_a_step_that_failed(tmp_path: Path) -> None:
    batches, taken = Spoiled(), list[StepDone]()
    batches.spoil = 2
    one = training(tmp_path, batches=batches, log_interval=4, listen=events(StepDone, taken))
    with pytest.raises(TrainingFailed, match="at step 2"):
        fit(replace(one, should_stop=lambda: len(taken) >= 2))
    assert not one.checkpoints.last.exists()
