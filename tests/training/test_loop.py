"""The loop: what a step does, what an interruption loses (nothing), and how a training fails."""

import math
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.tiny import CONFIG, TINY, DigitBatches, digits, events, model, training, validation, weights
from torch import Tensor, nn
from torch.nn import functional

from alexnet.errors import Interrupted, TrainingFailed
from alexnet.runtime.events import EpochDone, Event, Planned, StepDone
from alexnet.storage.tensors import read_tensors
from alexnet.training import loop
from alexnet.training.checkpoint import Checkpoints
from alexnet.training.config import TrainingConfig
from alexnet.training.loop import fit
from alexnet.training.optimizer import Descent
from alexnet.training.schedule import learning_rate, validation_due
from alexnet.training.step import measure, training_step
from alexnet.training.training import Training

STEPS = 8  # of 2.5 epochs of 3

CONFIGS = {
    "one-cycle, dropout": CONFIG,
    "averaging": replace(CONFIG, averaging=0.8),
    "plateau": replace(CONFIG, schedule="plateau", plateau_epochs=1.0, epochs=3.0),
    "no momentum": replace(CONFIG, momentum=0.0, schedule="constant"),
    "nesterov, bf16": replace(CONFIG, nesterov=True, precision="bf16"),
    "muon": replace(CONFIG, optimizer="muon", nesterov=True),
    "adam": replace(CONFIG, optimizer="adam", learning_rate=0.001),
}


def assert_same(ours: dict[str, Tensor], theirs: dict[str, Tensor], what: object) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), (what, name)


def without_times(history: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if "second" not in name} for row in history]


class Stop:
    """Asks the training to stop from its n-th event on."""

    def __init__(self, event: int) -> None:
        self.events_left = event

    def listen(self, event: Event) -> None:
        self.events_left -= 1

    def asked(self) -> bool:
        return self.events_left <= 0


class Every(Checkpoints):
    """Due after every third step instead of after some seconds."""

    asked = 0

    def due(self) -> bool:
        self.asked += 1
        return self.asked % 3 == 0


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(config, id=name, marks=pytest.mark.slow if name in ("averaging", "no momentum", "muon", "adam", "plateau") else ())
        for name, config in CONFIGS.items()
    ],
)
def test_a_training_stopped_after_any_step_and_resumed_ends_the_same_to_the_bit(config: TrainingConfig, tmp_path: Path) -> None:
    straight = training(tmp_path / "straight", config)
    seen: list[Event] = []
    straight.listen = seen.append
    state = fit(straight)
    best, _ = read_tensors(straight.checkpoints.best)
    steps = [event.step if isinstance(event, StepDone) else 0 for event in seen]
    for number, step in enumerate(steps, start=1):
        folder, stop = tmp_path / str(number), Stop(number)
        with pytest.raises(Interrupted, match=f"Stopped after step {step or max(steps[:number])}; nothing is lost"):
            fit(training(folder, config, listen=stop.listen, should_stop=stop.asked))
        resumed = training(folder, config, seed=99)
        again = fit(resumed)
        assert_same(weights(resumed), weights(straight), step)
        assert_same(read_tensors(resumed.checkpoints.best)[0], best, step)
        assert without_times(again.history) == without_times(state.history)
        assert again.step == state.step


@pytest.mark.slow
def test_a_training_that_breaks_at_any_event_and_is_resumed_ends_the_same(tmp_path: Path) -> None:
    straight = training(tmp_path / "straight")
    seen: list[Event] = []
    straight.listen = seen.append
    state = fit(straight)
    for place in range(len(seen)):
        heard: list[Event] = []

        def breaks(event: Event, heard: list[Event] = heard, place: int = place) -> None:
            heard.append(event)
            if len(heard) > place:
                raise KeyboardInterrupt

        folder = tmp_path / str(place)
        with pytest.raises(KeyboardInterrupt):
            fit(training(folder, listen=breaks, checkpoints=Every(folder, 1e9)))
        resumed = training(folder, seed=99 if (folder / "last.safetensors").exists() else 0)
        again = fit(resumed)
        assert_same(weights(resumed), weights(straight), place)
        assert without_times(again.history) == without_times(state.history)


def test_a_training_stopped_again_and_again_ends_the_same(tmp_path: Path) -> None:
    straight = training(tmp_path / "straight", CONFIGS["averaging"])
    fit(straight)
    for seed in range(STEPS):
        with pytest.raises(Interrupted):
            fit(training(tmp_path / "halting", CONFIGS["averaging"], seed=seed, should_stop=lambda: True))
    last = training(tmp_path / "halting", CONFIGS["averaging"], seed=5)
    fit(last)
    assert_same(weights(last), weights(straight), "every step")


def test_a_finished_training_is_not_trained_again(tmp_path: Path) -> None:
    fit(training(tmp_path))
    again = training(tmp_path, batches=(batches := DigitBatches()))
    assert fit(again).step == STEPS
    assert batches.read == []


def test_the_steps_and_epochs_are_those_of_the_config(tmp_path: Path) -> None:
    batches, steps, epochs = DigitBatches(), list[StepDone](), list[EpochDone]()

    def listen(event: Event) -> None:
        events(StepDone, steps)(event)
        events(EpochDone, epochs)(event)

    state = fit(training(tmp_path, batches=batches, listen=listen))
    assert batches.read == [(epoch, step) for epoch in range(3) for step in range(3)][:STEPS]
    assert [step.step for step in steps] == list(range(1, STEPS + 1))
    assert [step.progress for step in steps] == pytest.approx([step / STEPS for step in range(1, STEPS + 1)])
    assert [done.row["epoch"] for done in epochs] == pytest.approx([1.0, 2.0, 8 / 3])
    assert [done.row for done in epochs] == state.history
    assert state.finished


def test_a_row_of_history_is_measured_and_not_made_up(tmp_path: Path) -> None:
    one = training(tmp_path, replace(CONFIG, epochs=1.0))
    losses: list[StepDone] = []
    one.listen = events(StepDone, losses)
    (row,) = fit(one).history
    assert row["training_loss"] == pytest.approx(sum(step.loss for step in losses) / 3)
    loss, error = measure(one.model, validation(), "fp32")
    assert row["validation_loss"] == loss
    assert row["validation_error"] == error
    images, labels = validation()[0]
    scores = one.model.eval()(images)
    assert loss == pytest.approx(functional.cross_entropy(scores, labels).item(), rel=1e-6)
    assert error == pytest.approx((scores.argmax(1) != labels).double().mean().item())


def test_the_speed_counts_images_and_not_places_in_batches(tmp_path: Path) -> None:
    """40 images make batches of 32 and 8."""
    one = training(tmp_path, replace(CONFIG, epochs=1.5), batches=DigitBatches(images=40))
    rows = fit(one).history
    assert [row["images_per_second"] * row["seconds"] for row in rows] == pytest.approx([40, 72])


def test_digits_are_learned_and_the_best_epoch_is_kept(tmp_path: Path) -> None:
    config = TrainingConfig(epochs=12, batch_size=64, learning_rate=0.05, schedule="one-cycle", precision="fp32", averaging=0.9)
    undropped = replace(TINY, dropout=0.0)
    one = training(tmp_path, config, batches=DigitBatches(images=1_200, batch_size=64), model=model(0, undropped))
    history = fit(one).history
    assert history[-1]["validation_error"] < 0.15
    tensors, _ = read_tensors(one.checkpoints.best)
    kept = model(seed=3)
    kept.load_state_dict(tensors)
    loss, error = measure(kept, validation(), "fp32")
    assert error == min(row["validation_error"] for row in history)
    assert loss == min(row["validation_loss"] for row in history if row["validation_error"] == error)


def test_validations_are_spread_over_the_epochs_and_the_last_weights_are_kept(tmp_path: Path) -> None:
    """Validating more rarely, and only to know, changes no weight: those of the last step are the same."""
    config = replace(CONFIG, epochs=7.0, learning_rate=0.5, label_smoothing=0.0)
    often = training(tmp_path / "often", config)
    rarely = training(tmp_path / "rarely", replace(config, validations=3, kept="last"))
    every, some = fit(often).history, fit(rarely).history
    assert [row["epoch"] for row in some if "validation_error" in row] == [3.0, 5.0, 7.0]
    assert [row for row in some if "validation_error" in row][-1]["validation_error"] == every[-1]["validation_error"]
    assert [row["training_error"] for row in some] == [row["training_error"] for row in every]
    kept, _ = read_tensors(rarely.checkpoints.best)
    for name, value in weights(often).items():
        torch.testing.assert_close(kept[name], value, rtol=0, atol=0)


@pytest.mark.parametrize("validations", [1, 2, 10])
@pytest.mark.parametrize("planned", [1.0, 7.0, 12.5, 120.0])
def test_there_are_no_more_validations_than_asked_for(validations: int, planned: float) -> None:
    config = replace(CONFIG, validations=validations)
    due = [epoch for epoch in range(1, math.ceil(planned)) if validation_due(config, epoch, planned)]
    assert len(due) < validations  # one more at the end
    assert len(due) >= min(validations, math.ceil(planned)) - 2


def test_training_stops_where_it_has_learned_enough_and_validates_there(tmp_path: Path) -> None:
    one = training(tmp_path, replace(CONFIG, epochs=20.0, enough_training_error=0.999, validations=1))
    history = fit(one).history
    assert len(history) == 1
    assert "validation_error" in history[0]


def test_the_average_is_the_exponential_one_of_the_weights_after_each_step(tmp_path: Path) -> None:
    trace: list[dict[str, Tensor]] = []
    one = training(tmp_path, replace(CONFIG, averaging=0.8, epochs=1.0))
    one.listen = lambda event: trace.append(weights(one)) if isinstance(event, StepDone) else None
    fit(one)
    average = trace[0]
    for now in trace[1:]:
        average = {name: 0.8 * average[name] + 0.2 * now[name] for name in now}
    tensors, _ = read_tensors(one.checkpoints.best)
    for name, value in average.items():
        torch.testing.assert_close(tensors[name], value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_label_smoothing_changes_the_gradient_and_not_the_loss_that_is_told(smoothing: float) -> None:
    images, labels = digits(0, 16)
    config = replace(CONFIG, momentum=0.0, weight_decay=0.0, bias_learning_rate=1.0, learning_rate=1.0)
    plain = nn.Sequential(nn.Flatten(), nn.Linear(192, 10)).double()
    expected = nn.Sequential(nn.Flatten(), nn.Linear(192, 10)).double()
    expected.load_state_dict(plain.state_dict())
    scaled = images.double() / 255
    loss, wrong = training_step(plain, Descent(plain, config), scaled, labels, smoothing, "fp64")

    scores = expected(scaled)
    target = (1 - smoothing) * functional.one_hot(labels, 10).double() + smoothing / 10
    (-(target * scores.log_softmax(1)).sum(1).mean()).backward()
    for ours, theirs in zip(plain.parameters(), expected.parameters(), strict=True):
        assert theirs.grad is not None
        torch.testing.assert_close(ours, theirs - theirs.grad, rtol=1e-12, atol=1e-12)
    assert loss.item() == pytest.approx(functional.cross_entropy(scores, labels).item(), rel=1e-12)
    assert wrong.item() == (scores.argmax(1) != labels).sum().item()


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_products_run_in_the_chosen_precision_and_weights_stay_float32(precision: Any, dtype: torch.dtype, tmp_path: Path) -> None:
    one, seen = training(tmp_path, replace(CONFIG, precision=precision, epochs=0.4)), set[torch.dtype]()
    for module in one.model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(lambda module, inputs, output: seen.add(output.dtype))
    fit(one)
    assert seen == {dtype}
    assert {value.dtype for value in one.model.state_dict().values()} == {torch.float32}


def test_dropout_and_batches_depend_on_the_seed_alone(tmp_path: Path) -> None:
    runs: list[Training] = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        torch.manual_seed(len(runs))  # what the global generator did before plays no part
        one = training(tmp_path / name, seed=seed)
        fit(replace(one, seed=seed))
        runs.append(one)
    first, same, other = (replace(one, seed=0) for one in runs)
    assert_same(weights(first), weights(same), "seed")
    assert any(not torch.equal(value, weights(other)[name]) for name, value in weights(first).items())


def test_every_step_drops_other_units(tmp_path: Path) -> None:
    seen: list[tuple[Tensor, Tensor]] = []  # of each step: units that were on, and units that stayed on

    def watch(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        if module.training:
            seen.append((inputs[0] != 0, output != 0))

    one = training(tmp_path, batches=DigitBatches(images=32), config=replace(CONFIG, learning_rate=1e-9))
    next(module for module in one.model.modules() if isinstance(module, nn.Dropout)).register_forward_hook(watch)
    fit(replace(one, config=replace(one.config, epochs=3.0)))
    assert len(seen) == 3
    for (on, kept), (on_then, kept_then) in ((seen[0], seen[1]), (seen[1], seen[2])):
        both = on & on_then
        assert both.sum() > 20
        assert not torch.equal(kept[both], kept_then[both])


@pytest.mark.parametrize("schedule", ["one-cycle", "plateau", "constant"])
def test_a_training_equals_plain_descent_at_the_scheduled_rates(schedule: Any, tmp_path: Path) -> None:
    config = replace(CONFIG, schedule=schedule, label_smoothing=0.0, plateau_epochs=1.0, bias_learning_rate=1.0, bias_weight_decay=5e-4)
    one = training(tmp_path, config, model=model(0, replace(TINY, dropout=0.0)))
    by_hand = model(0, replace(TINY, dropout=0.0)).train()
    history = fit(one).history
    plain = torch.optim.SGD(by_hand.parameters(), lr=1.0, momentum=0.9, weight_decay=5e-4)
    batches = [batch for epoch in range(3) for batch in DigitBatches().epoch(epoch)][:STEPS]
    for step, (images, labels) in enumerate(batches):
        rate = history[step // 3]["learning_rate"] if schedule == "plateau" else learning_rate(config, step / STEPS, 0)
        plain.param_groups[0]["lr"] = rate
        plain.zero_grad()
        functional.cross_entropy(by_hand(images), labels).backward()
        plain.step()
    for name, value in by_hand.state_dict().items():
        torch.testing.assert_close(one.model.state_dict()[name], value, rtol=1e-4, atol=1e-6)


def plant(one: Training, at: type[Event], count: int, value: float) -> None:
    """Spoil a weight right after an event of that kind."""
    seen: list[Any] = []

    def listen(event: Event) -> None:
        if isinstance(event, at):
            seen.append(event)
            if len(seen) == count:
                with torch.no_grad():
                    next(one.model.parameters()).fill_(value)

    one.listen = listen


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_with_a_diagnosis_and_keeps_the_best(value: float, tmp_path: Path) -> None:
    one = training(tmp_path)
    plant(one, EpochDone, 1, value)
    with pytest.raises(TrainingFailed) as failure:
        fit(one)
    message = str(failure.value)
    assert "the loss became nan at step 4" in message
    assert "Update / weight per step" in message
    assert f"The last good weights are in {one.checkpoints.best}" in message
    assert "smaller --training.learning-rate" in message
    for path in (one.checkpoints.best, one.checkpoints.last):
        tensors, _ = read_tensors(path)
        finite = path == one.checkpoints.last or all(torch.isfinite(tensor).all() for tensor in tensors.values())
        assert finite, path


def test_weights_spoiled_by_an_epochs_last_step_are_not_kept_as_the_best(tmp_path: Path) -> None:
    one = training(tmp_path)
    plant(one, StepDone, 3, math.nan)
    with pytest.raises(TrainingFailed, match="the validation loss became nan at step 3"):
        fit(one)
    assert not one.checkpoints.best.exists()
    assert not one.checkpoints.last.exists()


def test_a_rate_that_is_far_too_high_ends_with_the_step_it_blew_up_at(tmp_path: Path) -> None:
    one = training(tmp_path, replace(CONFIG, learning_rate=1e6, schedule="constant"))
    with torch.no_grad():
        for weights in one.model.parameters():
            weights.mul_(1e12)
    with pytest.raises(TrainingFailed, match=r"became (nan|inf) at step \d+") as failure:
        fit(one)
    assert "No good checkpoint exists yet" in str(failure.value)


def test_a_training_that_stays_at_chance_ends_with_a_diagnosis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHANCE_STEPS", 9)
    monkeypatch.setattr(loop, "CHANCE_EPOCHS", 3)
    one = training(tmp_path, replace(CONFIG, epochs=20.0, learning_rate=1e-9))
    for parameter in one.model.parameters():
        nn.init.zeros_(parameter)
    rows: list[EpochDone] = []
    one.listen = events(EpochDone, rows)
    with pytest.raises(TrainingFailed) as failure:
        fit(one)
    assert len(rows) == 3
    assert "the loss has stayed at 2.303, no better than guessing, for 3 epochs" in str(failure.value)
    assert "relu1: 100% of the units never change" in str(failure.value)
    assert f"The last good weights are in {one.checkpoints.best}" in str(failure.value)


def test_a_training_that_learns_is_not_taken_for_one_at_chance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHANCE_STEPS", 1)
    monkeypatch.setattr(loop, "CHANCE_EPOCHS", 2)
    learner, batches = model(0, replace(TINY, dropout=0.0)), DigitBatches(images=640)
    assert fit(training(tmp_path, replace(CONFIG, epochs=3.0), model=learner, batches=batches)).finished


def test_it_ends_with_the_epoch_whose_training_error_is_low_enough(tmp_path: Path) -> None:
    long = replace(CONFIG, schedule="constant", epochs=6.0)
    whole = fit(training(tmp_path / "whole", long)).history
    enough = whole[2]["training_error"]
    first = next(place for place, row in enumerate(whole) if row["training_error"] <= enough)
    ended = fit(training(tmp_path / "ended", replace(long, enough_training_error=enough))).history
    assert without_times(ended) == without_times(whole[: first + 1])
    assert len(fit(training(tmp_path / "never", replace(long, enough_training_error=1e-9))).history) == len(whole)


def test_a_plateau_drops_the_rate_three_times_and_then_ends_the_training(tmp_path: Path) -> None:
    config = replace(CONFIG, schedule="plateau", plateau_epochs=2.0, epochs=90.0, learning_rate=1e-12, averaging=0.0)
    state = fit(training(tmp_path, config))
    assert [row["learning_rate"] for row in state.history] == pytest.approx([1e-12] * 3 + [1e-13] * 2 + [1e-14] * 2 + [1e-15] * 2)
    assert state.finished


def test_without_a_budget_no_plan_is_told(tmp_path: Path) -> None:
    plans: list[Planned] = []
    fit(training(tmp_path, listen=events(Planned, plans)))
    assert plans == []


def test_a_stream_of_batches_is_closed_when_the_training_stops(tmp_path: Path) -> None:
    closed: list[bool] = []

    class Watched(DigitBatches):
        def epoch(self, epoch: int, first_step: int = 0) -> Generator[tuple[Tensor, Tensor], None, None]:
            try:
                yield from super().epoch(epoch, first_step)
            finally:
                closed.append(True)

    with pytest.raises(Interrupted):
        fit(training(tmp_path, batches=Watched(), should_stop=lambda: True))
    assert closed == [True]
