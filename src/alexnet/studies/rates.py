"""The learning rate of each arm: the best of a few on validation images, with a seed that no verdict uses. Independent of verdicts.

A rate is a nuisance parameter (Godbole et al. 2023, Deep Learning Tuning Playbook): with one rate for all, the sign of an effect can depend
on which one it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from alexnet.data.dataset import Dataset
from alexnet.models.kinds import kind_of
from alexnet.recipes.overrides import with_overrides
from alexnet.recipes.recipe import Recipe
from alexnet.studies.arms import Arms, resolve
from alexnet.studies.claim import PATIENT, TARGET_ERROR, Arm, Study
from alexnet.studies.outcome import Outcome, RateTried, best_rate, epochs_to
from alexnet.studies.trial import digest

RATE_SEED = 1_000_000  # of the search; the seeds of the verdicts are below it
RATE = "training.learning_rate"

Candidates = Mapping[str, Sequence[Recipe]]  # an arm's name -> its recipe with each rate


def rate_candidates(study: Study, common: Recipe, dataset: Dataset) -> Candidates:
    """The runs of the search: each arm with each rate. Arms with more epochs use the rate of the arm that they repeat."""
    searching = replace(study, arms=tuple(arm for arm in study.arms if arm.patience == 1))
    arms = resolve(searching, common, dataset, seeds=[RATE_SEED])
    return {} if arms.reason is not None else _candidates(study, arms)


def _candidates(study: Study, arms: Arms) -> Candidates:
    return {
        name: [_at(arm.recipes[0], factor) for factor in study.rates]
        for name, arm in arms.arms.items()
        if arm.recipes and not kind_of(arm.model).fixed_features
    }


def _at(recipe: Recipe, factor: float) -> Recipe:
    return with_overrides(recipe, {RATE: float(f"{factor * recipe.training.learning_rate:.6g}")})


def tried_rates(candidates: Candidates, outcomes: Mapping[str, Outcome]) -> dict[str, list[RateTried]]:
    """What the search has found, by the arm's name."""
    return {name: [_tried(recipe, outcomes[digest(recipe)]) for recipe in recipes] for name, recipes in candidates.items()}


def _tried(recipe: Recipe, outcome: Outcome) -> RateTried:
    return RateTried(
        rate=recipe.training.learning_rate,
        validation_error=outcome.validation_error,
        epochs_to_target=epochs_to(outcome.history, TARGET_ERROR) if outcome.failure is None else None,
    )


def best_rates(study: Study, tried: Mapping[str, Sequence[RateTried]]) -> dict[str, float]:
    """The rate of each arm, those with more epochs included."""
    best = {name: best_rate(of_arm, study.measure) for name, of_arm in tried.items()}
    return {arm.name: best[name] for arm in study.arms if (name := searched_name(arm)) in best}


def searched_name(arm: Arm) -> str:
    """The name of the arm whose search finds this arm's rate."""
    return arm.name.removesuffix(PATIENT) if arm.patience != 1 else arm.name
