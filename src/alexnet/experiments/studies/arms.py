"""A claim's arms as the runs that they need: one recipe for each arm and seed, or the reason why there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alexnet.data.dataset import Dataset
from alexnet.errors import AlexNetError
from alexnet.experiments.recipe import Recipe
from alexnet.experiments.studies.arm_recipe import NETWORK, arm_recipe, plain_changes
from alexnet.experiments.studies.claim import Changes, Study
from alexnet.experiments.studies.outcome import Outcome
from alexnet.experiments.studies.trial import digest


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedArm:
    """An arm's recipe for each seed; with a failure, none. changes: as the page shows them, numbers worked out."""

    name: str
    model: str
    changes: Changes
    recipes: Sequence[Recipe] = ()
    failure: str | None = None

    def outcome(self, outcomes: Mapping[str, Outcome], seed: int) -> Outcome:
        """What the run of that seed gave; of an arm that cannot run, why."""
        if self.failure is not None:
            return Outcome(key="", seed=seed, failure=self.failure)
        return outcomes[digest(self.recipes[seed])]


@dataclass(frozen=True, kw_only=True, slots=True)
class Arms:
    """All arms of a claim; `reason` says why the claim cannot be studied on these pictures."""

    seeds: int
    arms: Mapping[str, ResolvedArm]
    reason: str | None = None

    @property
    def recipes(self) -> list[Recipe]:
        """Of all runs."""
        return [] if self.reason is not None else [recipe for arm in self.arms.values() for recipe in arm.recipes]


def resolve(study: Study, common: Recipe, dataset: Dataset, *, seeds: int) -> Arms:
    """An arm that these pictures do not allow is kept with its reason; if the claim is about it, so is the claim."""
    arms = {arm.name: _resolved(study, arm.name, common, dataset, seeds) for arm in study.arms}
    reason = next((failure for name in (study.better, study.worse) if (failure := arms[name].failure)), None)
    return Arms(seeds=seeds, arms=arms, reason=reason)


def _resolved(study: Study, name: str, common: Recipe, dataset: Dataset, seeds: int) -> ResolvedArm:
    arm = study.arm(name)
    try:
        recipes = [arm_recipe(study, arm, common, dataset, seed=seed) for seed in range(seeds)]
    except AlexNetError as error:
        return ResolvedArm(name=name, model=arm.model or NETWORK, changes={}, failure=str(error))
    return ResolvedArm(name=name, model=recipes[0].model, changes=plain_changes(arm, recipes[0], dataset), recipes=recipes)
