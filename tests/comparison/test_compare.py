"""A whole comparison: which cells run, what it finds, how it goes on, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.runs.digit_systems import Trainings

from alexnet.comparison.compare import compare
from alexnet.comparison.results import Comparison
from alexnet.errors import AlexNetError, BadDataset, BadModel, BadRun, BudgetTooSmall, Interrupted
from alexnet.reports import read_comparison
from alexnet.runs.predictions import read_predictions
from alexnet.runtime.events import Event, Message

MODELS = "raw-svm,hog-svm,lenet,alexnet-cifar-fast,alexnet-cifar-fast+svm"
CELL_KEYS = {"model", "fraction", "seed", "n_train", "test_error", "train_seconds", "predict_milliseconds", "bytes"}


def compared(out: Path, trainings: Trainings | None = None, **words: Any) -> Comparison:
    trainings = trainings or Trainings()
    return trainings.compare(out=out, **({"models": MODELS, "fractions": "0.02,0.2,1", "seeds": 2} | words))


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return compared(tmp_path_factory.mktemp("comparison") / "digits")


def test_every_cell_runs_once_in_its_order(tmp_path: Path) -> None:
    trainings = Trainings()
    compared(tmp_path / "out", trainings, fractions="0.1,1", seeds=1)
    models = MODELS.split(",")
    hand, networks = models[:2], models[2:]
    assert trainings.made == [f"{m}-{f}-0" for part in (hand, networks) for f in ("0.1", "1") for m in part]


def test_json_has_the_contracts_keys_and_plain_values(comparison: Comparison) -> None:
    found = json.loads(json.dumps(comparison.to_json(), allow_nan=False))
    assert {"cells", "choice", "crossings"} <= set(found)
    assert len(found["cells"]) == 30
    assert all(set(cell) >= CELL_KEYS for cell in found["cells"])
    assert all(cell["error"] is None and 0 <= cell["test_error"] <= 1 for cell in found["cells"])
    assert set(found["choice"]) == {"model", "reason", "caution"}
    assert found["choice"]["model"] in MODELS.split(",")
    assert found == json.loads(json.dumps(read_comparison(Path(found["run"])).to_json(), allow_nan=False))


def test_cells_carry_their_runs_figures(comparison: Comparison) -> None:
    for cell in comparison.cells:
        assert cell.run is not None
        result = json.loads((Path(cell.run) / "result.json").read_text("utf-8"))
        assert (cell.n_train, cell.test_error, cell.bytes) == (result["n_train"], result["test_error"], result["bytes"])
        assert cell.interval == tuple(result["test_interval"])


def test_frozen_features_cost_their_networks_training_too(comparison: Comparison) -> None:
    seconds = {(cell.model, cell.fraction): cell.train_seconds for cell in comparison.cells if cell.seed == 0}
    assert seconds["alexnet-cifar-fast", 1.0] == 120
    assert seconds["alexnet-cifar-fast+svm", 1.0] == 125


def test_systems_are_means_over_seeds(comparison: Comparison) -> None:
    assert len(comparison.systems) == 15
    for system in comparison.systems:
        cells = [cell for cell in comparison.cells if (cell.model, cell.fraction) == (system.model, system.fraction)]
        assert system.errors == tuple(cell.test_error for cell in cells)
        assert system.error == pytest.approx(np.mean(system.errors))
        assert system.spread == pytest.approx(np.std(system.errors, ddof=1))
        assert system.interval[0] < system.error < system.interval[1]
        assert system.images_per_class == {0.02: 2, 0.2: 20, 1.0: 100}[system.fraction]


def test_every_two_systems_are_tested_on_the_images_of_all_seeds(comparison: Comparison) -> None:
    assert len(comparison.pairs) == 3 * 10
    pair = next(pair for pair in comparison.pairs if (pair.first, pair.second, pair.fraction) == ("hog-svm", "lenet", 1.0))
    answers = {
        (model, seed): read_predictions(Path(comparison.run) / "cells" / f"{model}-1-{seed}" / "predictions.csv")
        for model in ("hog-svm", "lenet")
        for seed in (0, 1)
    }
    assert pair.test.n == len(set(answers["lenet", 0]) | set(answers["lenet", 1]))
    net = [answers["hog-svm", s][name] - answers["lenet", s][name] for s in (0, 1) for name in answers["lenet", s]]
    assert pair.test.difference == pytest.approx(np.mean(net))
    assert pair.test.shown


def test_the_means_are_ahead_with_two_images_and_the_neighbour_with_a_hundred(comparison: Comparison) -> None:
    """What they stand for: a system with few free numbers against one with many."""
    crossing = next(one for one in comparison.crossings if (one.hand_crafted, one.network) == ("hog-svm", "lenet"))
    assert (crossing.below, crossing.above) == ("hog-svm", "lenet")
    assert crossing.images_per_class is not None
    assert 2 < crossing.images_per_class < 100
    assert {one.network for one in comparison.crossings} == {"lenet", "alexnet-cifar-fast"}


def test_three_arms_at_every_amount(comparison: Comparison) -> None:
    assert [arms.fraction for arms in comparison.arms] == [0.02, 0.2, 1.0]
    errors = {(system.model, system.fraction): system.error for system in comparison.systems}
    for arms in comparison.arms:
        assert arms.errors == tuple(errors[model, arms.fraction] for model in (arms.hand_crafted, arms.frozen, arms.network))
        assert arms.together is not None
        assert arms.together.difference == pytest.approx(arms.errors[1] - arms.errors[2])


def test_the_best_is_chosen_by_validation(comparison: Comparison) -> None:
    most = comparison.largest
    assert comparison.choice.model == min(most, key=lambda system: system.validation_error).model == "lenet"
    assert "test pictures were used to check" in comparison.caution


def test_without_a_test_set_validation_is_judged_and_said(tmp_path: Path) -> None:
    found = compared(tmp_path / "out", Trainings(test_set=False), models="raw-svm,lenet", fractions="1", seeds=1)
    assert found.split == "validation"
    assert all(cell.test_error is None and cell.judged_error == cell.validation_error for cell in found.cells)
    assert all(cell.interval is not None for cell in found.cells)
    assert "no test set" in found.to_json()["choice"]["caution"]
    assert "There is no test set" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_a_failed_cell_is_kept_with_its_reason_and_the_others_go_on(tmp_path: Path) -> None:
    said: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Message):
            said.append(event.text)

    found = compared(tmp_path / "out", Trainings(failing=("alexnet-cifar-fast",)), fractions="1", seeds=1, listen=listen)
    failed = {cell.model: cell.error for cell in found.cells if cell.error is not None}
    assert failed["alexnet-cifar-fast"] == "the loss of alexnet-cifar-fast is <not> finite"
    assert "alexnet-cifar-fast has no result" in str(failed["alexnet-cifar-fast+svm"])
    assert [system.model for system in found.largest] == sorted(("raw-svm", "hog-svm", "lenet"), key=[s.model for s in found.largest].index)
    assert any("2 of the 5 parts of the comparison have no result" in remark for remark in found.remarks)
    assert any("no result; the other parts of the comparison still run" in line for line in said)
    again = Trainings()
    assert not [cell for cell in compared(tmp_path / "out", again, fractions="1", seeds=1).cells if cell.error]
    assert again.made == ["alexnet-cifar-fast-1-0", "alexnet-cifar-fast+svm-1-0"]


def test_all_cells_failing_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(BadRun, match=r"None of the 2 parts of the comparison has a result. Their errors:\n  raw-svm: the loss of raw-svm"):
        compared(tmp_path / "out", Trainings(failing=("raw-svm",)), models="raw-svm", fractions="1")


@pytest.mark.slow
def test_stopped_and_gone_on_with(tmp_path: Path) -> None:
    whole = compared(tmp_path / "whole")
    out, first = tmp_path / "out", Trainings(stop_at="lenet-0.2-1")
    with pytest.raises(Interrupted) as stopped:
        compared(out, first)
    assert stopped.value.__notes__ == [f"Resume with: alexnet compare digits --out {out}"]
    rest = Trainings()
    found = rest.compare(out=out)
    assert rest.made[0] == "lenet-0.2-1"
    assert not set(first.made) & set(rest.made)
    assert len(first.made) + len(rest.made) == 30
    assert found.systems == whole.systems
    assert found.choice == whole.choice


def test_a_finished_comparison_runs_nothing_and_says_the_same(tmp_path: Path) -> None:
    first = compared(tmp_path / "out", fractions="0.1,1", seeds=1)
    again = Trainings()
    second = compared(tmp_path / "out", again, fractions="0.1,1", seeds=1)
    assert again.made == []
    assert second.systems == first.systems
    assert (second.pairs, second.crossings, second.arms, second.cells) == (first.pairs, first.crossings, first.arms, first.cells)


def test_asked_to_stop_between_cells(tmp_path: Path) -> None:
    trainings = Trainings()
    with pytest.raises(Interrupted, match=r"Stopped before part 4 of 30; nothing is lost\."):
        compared(tmp_path / "out", trainings, should_stop=lambda: len(trainings.made) == 3)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ({"models": "raw-svm"}, "models: raw-svm,lenet / raw-svm"),
        ({"fractions": "0.5"}, "fractions: 1 / 0.5"),
        ({"seeds": 2}, "seeds: 1 / 2"),
        ({"budget": "10m"}, "budget: none / 10m"),
    ],
)
def test_another_comparison_in_the_way_is_refused_with_the_difference(tmp_path: Path, words: dict[str, Any], line: str) -> None:
    first: dict[str, Any] = {"models": "raw-svm,lenet", "fractions": "1", "seeds": 1}
    compared(tmp_path / "out", **first)
    with pytest.raises(BadRun) as refused:
        compared(tmp_path / "out", **first | words)
    assert line in str(refused.value)
    assert "choose another --out" in str(refused.value)


def test_words_that_are_not_said_are_the_comparisons_own(tmp_path: Path) -> None:
    trainings = Trainings()
    trainings.compare(out=tmp_path / "out", models="lenet", fractions="1", budget="15s")
    assert trainings.compare(out=tmp_path / "out", budget="15s").request.models == ("lenet",)
    assert trainings.made == ["lenet-1-0"]


def test_the_command_repeats_it_and_goes_on(comparison: Comparison) -> None:
    assert comparison.command == f"alexnet compare digits --models {MODELS} --fractions 0.02,0.2,1 --seeds 2 --out {comparison.run}-again"


def test_other_things_in_the_way_are_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    for out in (tmp_path, tmp_path / "holiday.jpg"):
        with pytest.raises(BadRun, match=r"exists and is not a comparison\. Choose another --out"):
            compared(out)


def test_mistakes_leave_nothing_behind(tmp_path: Path) -> None:
    mistakes: list[tuple[dict[str, Any], type[AlexNetError]]] = [
        ({"models": "alexent"}, BadModel),
        ({"budget": "20s"}, BudgetTooSmall),
        ({"device": "cuda:99"}, AlexNetError),
    ]
    for words, kind in mistakes:
        with pytest.raises(kind):
            compared(tmp_path / "out", **words)
    with pytest.raises(BadDataset):
        compare(tmp_path / "nothing", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_a_place_it_makes_one_under_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trainings = Trainings()
    for name in ("digits-compare", "digits-compare-2"):
        found = trainings.compare(out=None, models="raw-svm", fractions="1")
        assert Path(found.run) == Path("runs") / name
        assert (tmp_path / "runs" / name / "report.html").exists()


def test_networks_share_the_budget_by_amount(tmp_path: Path) -> None:
    """The stand-ins take no time, so each training finds the whole of what it left to the others."""
    trainings = Trainings()
    compared(tmp_path / "out", trainings, models="hog-svm,lenet", fractions="0.1,1", seeds=1, budget="113s")
    assert trainings.budgets["hog-svm-0.1-0"] is None
    assert trainings.budgets["lenet-0.1-0"] == "10s"
    assert trainings.budgets["lenet-1-0"] in {"107s", "108s", "109s"}


def test_a_cell_that_was_begun_goes_on_with_its_own_budget(tmp_path: Path) -> None:
    words: dict[str, Any] = {"models": "lenet", "fractions": "1", "seeds": 1, "budget": "60s"}
    with pytest.raises(Interrupted):
        compared(tmp_path / "out", Trainings(stop_at="lenet-1-0"), **words)
    trainings = Trainings()
    compared(tmp_path / "out", trainings, **words)
    assert trainings.budgets == {"lenet-1-0": None}


def test_time_spent_before_an_interruption_counts(tmp_path: Path) -> None:
    """The first lenet has taken 60 s (so its result says), the second gets the rest."""
    words: dict[str, Any] = {"models": "lenet", "fractions": "1", "seeds": 2, "budget": "5m"}
    first, trainings = Trainings(), Trainings()
    with pytest.raises(Interrupted):
        compared(tmp_path / "out", first, should_stop=lambda: len(first.made) == 1, **words)
    found = compared(tmp_path / "out", trainings, **words)
    assert trainings.budgets["lenet-1-1"] in {"235s", "236s", "237s"}
    assert found.seconds > 60


def test_plan_and_progress_are_said(tmp_path: Path) -> None:
    said: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Message):
            said.append(event.text)

    compared(tmp_path / "out", models="hog-svm,lenet", fractions="0.1,1", seeds=1, budget="10m", listen=listen)
    assert said[0].startswith(
        "4 parts of the comparison (2 systems, 2 amounts, 1 seed). Expected time: 10 min. Hand-crafted systems run to their end"
    )
    assert said[1:] == [
        "Part 1 of 4: hog-svm, 10% of the pictures, seed 0",
        "Part 2 of 4: hog-svm, 100% of the pictures, seed 0 (about 3.0 s)",
        "Part 3 of 4: lenet, 10% of the pictures, seed 0",
        "Part 4 of 4: lenet, 100% of the pictures, seed 0",
    ]
    said.clear()
    compared(tmp_path / "out", models="hog-svm,lenet", fractions="0.1,1", seeds=1, budget="10m", listen=listen)
    assert "4 of them are already finished." in said[0]


def test_unequal_images_are_paired_where_they_are_common_and_it_is_said(tmp_path: Path) -> None:
    trainings = Trainings()
    compared(tmp_path / "out", trainings, models="hog-svm,lenet", fractions="1", seeds=1)
    path = tmp_path / "out" / "cells" / "lenet-1-0" / "predictions.csv"
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:101]), "utf-8")
    found = compared(tmp_path / "out", trainings, models="hog-svm,lenet", fractions="1", seeds=1)
    assert found.pairs[0].test.n == 100
    assert any("Not all systems judged the same pictures with seed 0" in remark for remark in found.remarks)


def test_remarks_say_what_one_seed_hides_and_what_many_tests_bring(comparison: Comparison, tmp_path: Path) -> None:
    assert comparison.remarks[0].startswith("Errors are means over 2 seeds.")
    assert comparison.remarks[1].startswith("30 paired tests were made. If no two systems differed at all, about 2 of them")
    alone = compared(tmp_path / "out", models="hog-svm,lenet", fractions="1", seeds=1, budget="30s")
    assert alone.remarks[0].startswith("Each system was trained once, so the paired tests compare these trained models and not the recipes")
    assert any("as long as the budget of 30s let them" in remark for remark in alone.remarks)
