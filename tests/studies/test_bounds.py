"""Numbers that no study measures are refused where a result is read, with their name: its page could not be drawn."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.studies.invented import report

from alexnet.errors import BadRun
from alexnet.studies.findings import StudyReport
from alexnet.studies.measurements import shipped_studies
from alexnet.studies.outcome import Outcome, read_outcome, write_outcome


def arm(values: dict[str, Any], claim: int = 0, place: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = values["studies"][claim]["arms"][place]
    return found


DAMAGE: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda v: v["studies"][1].update(better="gone"), "it lacks an arm of weight-decay: gone"),
    (lambda v: v["studies"][6]["also"][0].update(worse="gone"), "it lacks an arm of colour: gone"),
    (lambda v: v["studies"][0].update(arms=[]), "it lacks an arm of activation: relu, tanh"),
    (lambda v: arm(v).update(mean=1e308), "an error of the arm relu is 1e\\+308, and must be from 0 to 1"),
    (lambda v: arm(v)["errors"].append(-0.5), "an error of the arm relu is -0.5"),
    (lambda v: arm(v).update(training_error=-1), "an error of the arm relu is -1"),
    (lambda v: arm(v).update(moved=3), "an error of the arm relu is 3"),
    (lambda v: arm(v, 3)["per_class"].update(bag=2), "an error of the arm augment-none is 2"),
    (lambda v: arm(v).update(interval=[-7, 1]), "the interval of the arm relu is -7, and must be from -1 to 1"),
    (lambda v: arm(v).update(seconds=1e308), "epochs or seconds of the arm relu is 1e\\+308, and must be from 0 to 1e\\+12"),
    (lambda v: arm(v)["epochs_to_target"].append(-1), "epochs or seconds of the arm relu is -1"),
    (lambda v: arm(v)["gradients"].update(conv1=1e308), "a layer's gradient or output in the arm relu is 1e\\+308"),
    (lambda v: arm(v).update(gradients_epoch={"conv1": -1}), "a layer's gradient or output in the arm relu is -1"),
    (lambda v: arm(v).update(step_times={"step": 0}), "a time of a step in the arm relu is 0"),
    (lambda v: arm(v).update(probes={"conv1": 2}), "an error of the arm relu is 2"),
    (lambda v: arm(v)["curves"][0][0].update(epoch=1e308), "epoch of a curve is 1e\\+308"),
    (lambda v: arm(v)["curves"][0][0].update(training_error=-1), "training_error of a curve is -1"),
    (lambda v: arm(v, 6)["rates"][0].update(rate=0), "a learning rate of the arm geometry is 0"),
    (lambda v: v["studies"][0]["effect"].update(difference=0), "an effect is 0, and must be from 1e-100 to 1e\\+100"),
    (lambda v: v["studies"][0]["effect"].update(interval=[-1, 2]), "an effect is -1"),
    (lambda v: v["studies"][1]["effect"].update(difference=1e308), "an effect is 1e\\+308, and must be from -1 to 1"),
    (lambda v: v["studies"][0]["effect"].update(repeat_noise=1e308), "the noise of an effect is 1e\\+308, and must be from 0 to 100"),
    (lambda v: arm(v, 3, 1)["against"].update(interval=[-3, 0]), "an effect is -3"),
    (lambda v: v.update(seconds=-1), "seconds is -1, and must be from 0 to 1e\\+12"),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGE, ids=[said for _, said in DAMAGE])
def test_a_result_that_cannot_be_is_refused(damage: Callable[[dict[str, Any]], object], said: str) -> None:
    values = json.loads(json.dumps(report().to_json()))
    damage(values)
    with pytest.raises(ValueError, match=said):
        StudyReport.from_json(values)


def test_what_is_measured_is_within_the_bounds() -> None:
    made = json.dumps(report().to_json())
    assert json.dumps(StudyReport.from_json(json.loads(made)).to_json()) == made
    assert shipped_studies()


OUTCOME = Outcome(key="k", seed=0, judged_error=0.5, wrong=(True, False), history=({"epoch": 1.0, "training_error": 0.5},))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"judged_error": 7}, "an error is 7, and must be from 0 to 1"),
        ({"per_class": {"cat": -1}}, "an error is -1"),
        ({"epochs": 1e308}, "epochs is 1e\\+308"),
        ({"evaluation_seconds": -1}, "seconds is -1"),
        ({"outputs": {"conv1": 1e308}}, "a layer's gradient or output is 1e\\+308"),
        ({"gradients_end": {"conv1": -1}}, "a layer's gradient or output is -1"),
        ({"step_times": {"step": 0}}, "the time of a step is 0, and must be from 1e-100"),
        ({"probes": {"conv1": 1.5}}, "an error is 1.5"),
        ({"history": [{"validation_error": 3}]}, "validation_error of a curve is 3"),
    ],
)
def test_an_outcome_that_cannot_be_is_refused_with_what_to_do(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = tmp_path / "outcome.json"
    write_outcome(OUTCOME, path)
    assert read_outcome(path) == read_outcome(path)
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change))
    with pytest.raises(BadRun, match=rf"is damaged \({said}.*delete .* and rerun the same command"):
        read_outcome(path)
