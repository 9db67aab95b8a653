"""The words of a study, kept and extended; every mistake in them is found before anything runs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alexnet.errors import AlexNetError, BadRecipe, BadRun
from alexnet.studies.registry import STUDIES
from alexnet.studies.request import extended, load_study_request, save_study_request, study_request
from alexnet.studies.scale import Scale

SCALE = Scale(size=64, width=0.5, fraction=1.0, epochs=7.0)


def test_what_is_not_said_has_its_default() -> None:
    asked = study_request("pictures")
    assert (asked.claims, asked.seeds, asked.budget_seconds, asked.scale) == (tuple(STUDIES), 3, 1800.0, None)
    assert (asked.auto, asked.most_seeds, asked.planned_seeds, asked.margin) == (True, 16, 6, 1.0)
    fixed = study_request("pictures", seeds=4)
    assert (fixed.auto, fixed.seeds, fixed.most_seeds, fixed.planned_seeds) == (False, 4, 4, 4)


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        ({"claims": "dropuot"}, BadRecipe, "No study is called 'dropuot'. Did you mean 'dropout'"),
        ({"seeds": 1}, BadRecipe, "--seeds is 1; a study compares paired runs and needs 2 seeds or more"),
        ({"seeds": "atuo"}, BadRecipe, "--seeds is 'atuo'; it is a whole number from 2, or auto. Did you mean 'auto'"),
        ({"margin": 0.0}, BadRecipe, "--margin is 0; it is in points of error, more than 0"),
        ({"budget": "soon"}, BadRecipe, "'soon' is not a duration"),
        ({"on": "rya"}, BadRecipe, "--on is 'rya'; it can be local or ray"),
        ({"overrides": {"training.epohcs": "3"}}, BadRecipe, "Did you mean 'training.epochs'"),
        ({"overrides": {"training.epochs": "many"}}, BadRecipe, "training.epochs is 'many'"),
        ({"overrides": {"seed": "4"}}, BadRecipe, "seed cannot be set in a study"),
        ({"overrides": {"training.budget-seconds": "9"}}, BadRecipe, "cannot be set in a study"),
    ],
)
def test_mistakes_are_said(words: dict[str, Any], kind: type[AlexNetError], message: str) -> None:
    with pytest.raises(kind) as refusal:
        study_request("pictures", **words)
    assert message in str(refusal.value)


def test_it_is_kept_and_read_again(tmp_path: Path) -> None:
    asked = replace(study_request("pictures", claims="dropout", seeds=4, overrides={"training.learning-rate": "0.1"}), scale=SCALE)
    path = tmp_path / "study.json"
    assert load_study_request(path) is None
    save_study_request(asked, path)
    assert load_study_request(path) == asked


@pytest.mark.parametrize("damage", ["{", "[]", '{"data": 1}', '{"claims": 3}'])
def test_a_damaged_one_is_refused(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "study.json"
    save_study_request(study_request("pictures"), path)
    whole = json.loads(path.read_text())
    path.write_text(damage if not damage.startswith('{"') else json.dumps(whole | json.loads(damage) | {"scale": {"size": 3}}))
    with pytest.raises(BadRun, match="damaged"):
        load_study_request(path)


def test_what_has_no_plan_yet_takes_all_that_is_said(tmp_path: Path) -> None:
    kept = study_request("pictures", claims="dropout", budget="6s")
    said: dict[str, Any] = {"claims": None, "seeds": 5, "budget": "1h", "overrides": {"training.epochs": "3"}}
    more = extended(kept, study_request("pictures", **said), said, tmp_path)
    assert (more.claims, more.seeds, more.budget, more.overrides) == (("dropout",), 5, "1h", {"training.epochs": "3"})
    assert not more.auto
    assert extended(kept, study_request("pictures"), {"claims": "dropout", "seeds": None}, tmp_path).auto


def test_claims_and_seeds_are_added_and_nothing_else(tmp_path: Path) -> None:
    kept = replace(study_request("pictures", claims="dropout"), scale=SCALE)
    said: dict[str, Any] = {"claims": "activation", "seeds": 5}
    more = extended(kept, study_request("pictures", **said), said, tmp_path)
    assert (more.claims, more.seeds, more.scale) == (("activation", "dropout"), 5, SCALE)
    nothing: dict[str, Any] = {"claims": None, "seeds": None, "overrides": None}
    assert extended(kept, study_request("pictures"), nothing, tmp_path) == kept
    with pytest.raises(BadRun, match="a study of pictures, not of photos"):
        extended(kept, study_request("photos"), nothing, tmp_path)
    fields = {"training.epochs": "3"}
    with pytest.raises(BadRun, match="with other fields"):
        extended(kept, study_request("pictures", overrides=fields), nothing | {"overrides": fields}, tmp_path)


def test_a_study_of_before_has_its_seeds_and_no_others(tmp_path: Path) -> None:
    """Its file knows neither auto nor a margin."""
    path = tmp_path / "study.json"
    save_study_request(study_request("pictures", claims="dropout", seeds=3), path)
    former = {name: value for name, value in json.loads(path.read_text()).items() if name not in {"auto", "margin"}}
    path.write_text(json.dumps(former))
    kept = load_study_request(path)
    assert kept is not None
    assert (kept.auto, kept.seeds, kept.margin) == (False, 3, 1.0)


def test_what_verdicts_mean_is_not_changed_after_the_fact(tmp_path: Path) -> None:
    kept = replace(study_request("pictures", claims="dropout", seeds=3), scale=SCALE)
    auto: dict[str, Any] = {"seeds": "auto"}
    with pytest.raises(BadRun, match=r"holds a study with 3 seeds, .* such as --seeds 6, or choose another --out"):
        extended(kept, study_request("pictures", **auto), auto, tmp_path)
    margin: dict[str, Any] = {"margin": 2.0}
    with pytest.raises(BadRun, match="with --margin 1, not 2; a margin chosen after the results are known proves nothing"):
        extended(kept, study_request("pictures", **margin), margin, tmp_path)
    grown = replace(study_request("pictures", claims="dropout"), scale=SCALE)
    more: dict[str, Any] = {"seeds": 20, "budget": "2h"}
    found = extended(grown, study_request("pictures", **more), more, tmp_path)
    assert (found.auto, found.seeds, found.most_seeds, found.budget) == (True, 20, 20, "2h")
