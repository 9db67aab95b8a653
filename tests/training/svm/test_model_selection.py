"""The choice of C by validation, calibrated scores, and machines that hold all that predicting needs."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from sklearn.datasets import load_digits
from sklearn.metrics.pairwise import chi2_kernel
from torch import Tensor

from alexnet.errors import Interrupted
from alexnet.models.handcrafted.svm import KernelMachine, LinearMachine, machine_from
from alexnet.training.svm import candidates, fit_kernel_maps
from alexnet.training.svm.calibration import calibrate
from alexnet.training.svm.config import DESCENT_STRENGTHS, LONG_STRENGTHS_FEW, SolverConfig
from alexnet.training.svm.model_selection import Choice, choose
from alexnet.training.svm.rows import FeatureSet

DIGITS = load_digits()
PIXELS, LABELS = (DIGITS.data / 16).astype(np.float16), DIGITS.target.astype(np.int64)
TRAINING, VALIDATION = FeatureSet(PIXELS[:500], LABELS[:500]), FeatureSet(PIXELS[500:800], LABELS[500:800])
TEST = torch.from_numpy(PIXELS[800:]).float()
CPU = torch.device("cpu")


def chosen(system: str, *, seed: int = 0, **fields: object) -> Choice:
    config = SolverConfig(**({"components": 200} | fields))  # type: ignore[arg-type]
    return choose(TRAINING, VALIDATION, classes=10, kernel=system, config=config, seed=seed, device=CPU)


def log_loss(scores: Tensor, labels: np.ndarray) -> float:
    return float(-log_softmax(scores.double().numpy(), axis=1)[np.arange(len(labels)), labels].mean())


CASES = [("linear", "auto"), ("rbf", "exact"), ("rbf", "explicit"), ("chi2", "exact"), ("chi2", "explicit"), ("intersection", "auto")]


@pytest.mark.parametrize(("kernel", "way"), CASES)
def test_every_machine_learns_is_honest_and_can_be_restored(kernel: str, way: str) -> None:
    choice = chosen(kernel, map=way)
    scores = choice.machine(TEST)
    assert (scores.argmax(1).numpy() != LABELS[800:]).mean() < 0.12
    unseen = choice.machine(torch.from_numpy(VALIDATION.vectors).float())
    assert (unseen.argmax(1).numpy() != VALIDATION.labels).mean() == pytest.approx(choice.validation_error, abs=0.004)
    assert choice.validation_error == min(trial.validation_error for trial in choice.trials)
    assert choice.strength == min(trial.strength for trial in choice.trials if trial.validation_error == choice.validation_error)
    assert 0 <= choice.relative_gap < 0.1
    assert choice.dual <= choice.primal * (1 + 1e-6)
    assert choice.exact == isinstance(choice.machine, KernelMachine) == (kernel != "linear" and way != "explicit")
    assert (choice.gamma is None) == (kernel in ("linear", "intersection") or (kernel == "chi2" and way == "explicit"))
    state = {name: tensor.clone() for name, tensor in choice.machine.state_dict().items()}
    assert torch.equal(machine_from(state, choice.machine.spec())(TEST), scores)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_softmax_of_the_scores_is_calibrated(kernel: str) -> None:
    choice = chosen(kernel)
    scores = choice.machine(torch.from_numpy(VALIDATION.vectors).float())
    here = log_loss(scores, VALIDATION.labels)
    assert here < min(log_loss(scores * factor, VALIDATION.labels) for factor in (0.5, 0.75, 1.33, 2.0))


def test_calibration_lowers_the_log_loss_and_keeps_the_order() -> None:
    generator = torch.Generator().manual_seed(0)
    machine, inputs = LinearMachine(torch.randn(6, 4, generator=generator), torch.zeros(4)), torch.randn(300, 6, generator=generator)
    labels = np.where(np.arange(300) % 3 == 0, 0, machine(inputs).argmax(1).numpy())
    before = machine(inputs)
    scale = calibrate(machine, before, labels)
    after = machine(inputs)
    assert log_loss(after, labels) < log_loss(before, labels)
    assert torch.equal(after.argsort(1), before.argsort(1))
    assert after.numpy() == pytest.approx(scale * before.numpy(), abs=1e-4)


def test_perfect_scores_are_scaled_without_overflow() -> None:
    machine = LinearMachine(torch.eye(3), torch.zeros(3))
    assert np.isfinite(calibrate(machine, torch.eye(3), np.arange(3)))
    assert machine(torch.eye(3)).isfinite().all()


def test_a_line_is_told_for_each_strength() -> None:
    lines: list[str] = []
    config = SolverConfig(strengths="0.1,1")
    choose(TRAINING, VALIDATION, classes=10, kernel="linear", config=config, seed=0, device=CPU, report=lines.append)
    assert [line.split(":")[0] for line in lines] == ["C 0.1", "C 1"]
    assert "validation error" in lines[0]
    assert "relative gap" in lines[0]


def test_the_users_kernel_and_limit_decide() -> None:
    assert chosen("linear", kernel="rbf", strengths="1").exact
    assert not chosen("rbf", exact_limit=499, strengths="1").exact
    assert chosen("rbf", exact_limit=500, strengths="1").exact
    assert chosen("chi2", kernel="linear").kernel == "linear"
    assert chosen("rbf", gamma=0.7, strengths="1").gamma == 0.7


def test_one_seed_gives_one_machine() -> None:
    first, second = chosen("rbf", map="explicit", seed=3), chosen("rbf", map="explicit", seed=3)
    assert torch.equal(first.machine(TEST), second.machine(TEST))


def test_features_that_do_not_fit_are_mapped_in_each_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = chosen("chi2", map="explicit")
    monkeypatch.setattr(candidates, "available_bytes", lambda: 0)
    again = chosen("chi2", map="explicit")
    assert again.validation_error == pytest.approx(kept.validation_error, abs=0.01)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_a_choice_can_be_stopped(kernel: str) -> None:
    with pytest.raises(Interrupted):
        choose(
            TRAINING, VALIDATION, classes=10, kernel=kernel, config=SolverConfig(), seed=0, device=CPU, should_stop=lambda: True
        )  # fmt: skip


TOGETHER = FeatureSet(PIXELS[:800], LABELS[:800])


@pytest.mark.parametrize(("kernel", "way"), [("linear", "auto"), ("rbf", "exact"), ("rbf", "explicit")])
def test_the_machine_is_fitted_again_on_all_and_told_by_what_was_seen_before(kernel: str, way: str) -> None:
    config = SolverConfig(map=way, components=200)  # type: ignore[arg-type]
    lines: list[str] = []
    words: dict[str, Any] = {"classes": 10, "kernel": kernel, "seed": 0, "device": CPU}
    before = choose(TRAINING, VALIDATION, config=config, **words)
    after = choose(TRAINING, VALIDATION, config=config, together=TOGETHER, report=lines.append, **words)
    assert (before.refitted, after.refitted) == (False, True)
    assert after.trials == before.trials
    assert (after.validation_error, after.strength, after.gamma) == (before.validation_error, before.strength, before.gamma)
    assert lines[-1] == f"Fitting C {before.strength:g} again on all 800 training and validation pictures ..."
    same = replace(config, strengths=repr(before.strength), gamma=before.gamma or 0.0)
    alone = choose(TOGETHER, VALIDATION, config=same, **words)  # the same machine but for its scale
    scores, other = after.machine(TEST), alone.machine(TEST)
    assert torch.equal(scores.argmax(1), other.argmax(1))
    assert (after.primal, after.dual, after.relative_gap) == (alone.primal, alone.dual, alone.relative_gap)
    learned = after.machine(torch.from_numpy(VALIDATION.vectors).float())
    assert (learned.argmax(1).numpy() != VALIDATION.labels).mean() < after.validation_error


def test_the_scale_is_that_of_the_machine_before() -> None:
    words: dict[str, Any] = {"classes": 10, "kernel": "rbf", "seed": 0, "device": CPU, "config": SolverConfig()}
    before, after = choose(TRAINING, VALIDATION, **words).machine, choose(TRAINING, VALIDATION, together=TOGETHER, **words).machine
    assert isinstance(before, KernelMachine)
    assert isinstance(after, KernelMachine)
    assert float(before.scale) == float(after.scale) != 1.0
    assert len(after.support) > len(before.support)


def test_fitting_again_can_be_refused() -> None:
    config = SolverConfig(refit=False)
    choice = choose(TRAINING, VALIDATION, classes=10, kernel="linear", config=config, seed=0, device=CPU, together=TOGETHER)
    assert not choice.refitted
    assert torch.equal(choice.machine(TEST), chosen("linear", refit=False).machine(TEST))


@pytest.mark.parametrize("kernel", ["rbf", "chi2"])
def test_half_and_twice_the_usual_width_are_tried_at_the_best_strength(kernel: str) -> None:
    choice, usual = chosen(kernel, map="exact"), fit_kernel_maps.kernel_width(kernel, TRAINING.vectors, SolverConfig(), 0)
    first, others = choice.trials[:-2], choice.trials[-2:]
    assert {trial.gamma for trial in first} == {usual}
    assert [trial.gamma for trial in others] == [usual / 2, usual * 2]
    best = min(first, key=lambda trial: (trial.validation_error, trial.strength))
    assert {trial.strength for trial in others} == {best.strength}
    assert choice.gamma in {trial.gamma for trial in choice.trials if trial.validation_error == choice.validation_error}


@pytest.mark.parametrize(("kernel", "fields"), [("rbf", {"gamma": 0.3}), ("rbf", {"map": "explicit"}), ("intersection", {"map": "exact"})])
def test_a_width_that_was_said_or_does_not_exist_is_not_varied(kernel: str, fields: dict[str, Any]) -> None:
    choice = chosen(kernel, strengths="1", **fields)
    assert len(choice.trials) == 1


def test_features_decide_how_the_linear_machine_is_fitted() -> None:
    assert chosen("linear").method == "primal"
    assert chosen("linear", method="descent").method == "descent"
    assert [trial.strength for trial in chosen("linear", method="descent").trials] == list(DESCENT_STRENGTHS)
    assert [trial.strength for trial in chosen("linear", method="dual").trials] == list(LONG_STRENGTHS_FEW)
    assert chosen("rbf", map="exact").method == ""


def test_widths_follow_the_features() -> None:
    config = SolverConfig()
    values = PIXELS.astype(np.float64)
    assert fit_kernel_maps.kernel_width("rbf", PIXELS, config, 0) == pytest.approx(1 / (64 * values.var()), rel=1e-4)
    mean = -np.log(chi2_kernel(values, gamma=1.0)).mean()
    assert fit_kernel_maps.kernel_width("chi2", PIXELS, config, 0) == pytest.approx(1 / mean, rel=0.05)
    assert fit_kernel_maps.kernel_width("intersection", PIXELS, config, 0) == 1.0
    assert fit_kernel_maps.kernel_width("rbf", PIXELS, SolverConfig(gamma=0.3), 0) == 0.3


def test_a_nystroem_map_is_exact_between_its_components() -> None:
    components = torch.from_numpy(PIXELS[:60]).float()
    mapped = fit_kernel_maps.nystroem(components, "rbf", 0.3)(components)
    exact = torch.exp(-0.3 * torch.cdist(components.double(), components.double()).square())
    assert (mapped @ mapped.t()).numpy() == pytest.approx(exact.numpy(), abs=2e-4)
    twice = fit_kernel_maps.nystroem(torch.cat([components, components]), "rbf", 0.3)(components)
    assert (twice @ twice.t()).numpy() == pytest.approx(exact.numpy(), abs=2e-4)  # equal components: a matrix without full rank


def test_graded_votes_grade_the_certainty_and_change_no_answer() -> None:
    """Whole votes give almost every image the same probability; the sum of the pairs' shares is the number of pairs."""
    machine = choose(
        TRAINING, VALIDATION, classes=10, kernel="rbf", config=SolverConfig(refit=False), seed=0, device=torch.device("cpu")
    ).machine
    assert isinstance(machine, KernelMachine)
    vectors = torch.from_numpy(VALIDATION.vectors).float()
    margins = machine.margins(vectors)
    whole, votes = machine.votes(margins), machine.graded_votes(margins, machine.sharpness)
    assert torch.equal(votes.argmax(1), whole.argmax(1))
    assert votes.sum(1).numpy() == pytest.approx(45.0, abs=0.5)
    certainty = machine(vectors).softmax(1).amax(1)
    assert certainty.quantile(0.9) - certainty.quantile(0.05) > 0.1
    again = machine_from(machine.state_dict(), machine.spec())
    assert torch.equal(again(vectors), machine(vectors))
    assert machine_from(machine.state_dict(), {**machine.spec(), "sharpness": 0.0})(vectors).numpy() == pytest.approx(
        (whole * machine.scale).numpy(), abs=1e-4
    )
