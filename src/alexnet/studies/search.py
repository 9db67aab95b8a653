"""The rate search of a study in progress: the arms with the learning rates that it finds. Independent of verdicts."""

from collections.abc import Mapping
from dataclasses import replace

from alexnet.studies.arms import Arms, common_recipe, resolve
from alexnet.studies.outcome import Outcome, RateTried
from alexnet.studies.rates import RATE, Candidates, best_rates, rate_candidates, searched_name, tried_rates
from alexnet.studies.registry import STUDIES
from alexnet.studies.runner import StudyState, make_trials, run_trials
from alexnet.studies.trial import digest


def resolved_arms(state: StudyState) -> tuple[dict[str, Arms], dict[str, Outcome]]:
    """The planned arms of every claim, each with its own learning rate, and the outcomes of the search by digest.

    Runs the search, or reads what has finished. There is none if the user sets the rate, the common one.
    """
    assert state.request.scale is not None
    scale = state.request.scale
    common = common_recipe(state.request.data, state.dataset, scale, state.request.fields)
    studies = {claim: STUDIES[claim].at(scale.extent) for claim in state.request.claims}
    searched = RATE not in state.request.overrides
    candidates = {claim: rate_candidates(study, common, state.dataset) for claim, study in studies.items()} if searched else {}
    outcomes = _run(state, candidates)
    arms: dict[str, Arms] = {}
    for claim, study in studies.items():
        tried = tried_rates(candidates.get(claim, {}), outcomes)
        found = resolve(study, common, state.dataset, seeds=state.request.seeds, rates=best_rates(study, tried))
        arms[claim] = replace(found, tried=_of_all_arms(found, tried))
    return arms, outcomes


def _of_all_arms(arms: Arms, tried: Mapping[str, list[RateTried]]) -> dict[str, list[RateTried]]:
    """What was tried for each arm, those that repeat another with more epochs included."""
    return {arm.name: tried[name] for arm in arms.study.arms if (name := searched_name(arm)) in tried}


def _run(state: StudyState, candidates: Mapping[str, Candidates]) -> dict[str, Outcome]:
    recipes = [recipe for one in candidates.values() for of_arm in one.values() for recipe in of_arm]
    return run_trials(state, make_trials(state, recipes, judged=False), _names(candidates)) if recipes else {}


def _names(candidates: Mapping[str, Candidates]) -> dict[str, str]:
    """The name of each run in messages: the first claim and arm that need it, and its rate."""
    names: dict[str, str] = {}
    for claim, one in candidates.items():
        for name, recipes in one.items():
            for recipe in recipes:
                names.setdefault(digest(recipe), f"{claim}: {name}, learning rate {recipe.training.learning_rate:g}")
    return names
