"""The recipe that all arms share, and the recipe of each arm. Independent of how runs are executed and judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from alexnet.data.dataset import Dataset
from alexnet.errors import AlexNetError, BadDataset, BadRecipe
from alexnet.models.kinds import NETWORK, kind_of
from alexnet.models.networks.architecture import NetworkChoices
from alexnet.recipes.networks import layers_of
from alexnet.recipes.overrides import with_overrides
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.resolve import TrainingRequest, recipe_of, value_of
from alexnet.studies.changes import matched, numbers
from alexnet.studies.claim import Arm, Changes, Study
from alexnet.studies.outcome import Outcome, RateTried
from alexnet.studies.scale import SETS_THE_SCALE, SMALL, Scale
from alexnet.studies.trial import digest

COMMON_NETWORK = "alexnet"
BATCH = 32  # images per step: a few images need many steps to move the weights
SMALLEST = 15  # px: 15, 7, 3 and 1 after three poolings
VALIDATIONS = 10  # of a run at most
SQUARES = 1_000  # images whose headers say whether all of them are square
WITHOUT_REGULARISERS: dict[str, Any] = {  # what controls capacity is what studies are about, and belongs to arms alone
    "network.dropout": 0.0,
    "augment.crop": False,
    "augment.flip": False,
    "augment.brightness": 0.0,
    "augment.colour_temperature": 0.0,
    "augment.pca_noise": 0.0,
    "training.weight_decay": 0.0,
    "training.label_smoothing": 0.0,
}
LAST_WEIGHTS: dict[str, Any] = {"training.validations": VALIDATIONS, "training.kept": "last"}  # the best ones are an early stopping


def seen_side(side: int) -> int:
    """The largest side up to `side` px with the same sizes after three poolings by 2, overlapping or not: 31 of 32, 23 of 28."""
    return (side + 1) // 8 * 8 - 1


def common_recipe(data: str, dataset: Dataset, scale: Scale, overrides: Mapping[str, Any]) -> Recipe:
    """The 2012 network without regularisation, at a study's scale; `overrides` are the user's and take precedence.

    Raises BadDataset for images too small for three poolings.
    """
    side = dataset.native_side()
    if seen_side(side) < SMALLEST:
        raise BadDataset(f"{dataset.name} has pictures of {side} px; a study needs {SMALLEST} px or more, as AlexNet pools three times.")
    sizes = _small_sizes(side) if side < SMALL else {"preprocess.stored_size": scale.size * 8 // 7, "preprocess.image_size": scale.size}
    changes = sizes | {
        **WITHOUT_REGULARISERS,
        **LAST_WEIGHTS,
        "training.batch_size": BATCH,
        "network.width": scale.width,
        "fraction": scale.fraction,
        "training.epochs": scale.epochs,
    }
    own = {name: value for name, value in overrides.items() if name not in SETS_THE_SCALE or (side < SMALL and name.startswith("pre"))}
    chosen, _ = recipe_of(TrainingRequest(data=data, model=COMMON_NETWORK, overrides=changes | own), dataset)
    return replace(chosen, name="study")


def _small_sizes(side: int) -> dict[str, Any]:
    windows = {"network.first_kernel": 5, "network.first_stride": 1, "network.first_padding": 2}
    sizes = {"preprocess.stored_size": side, "preprocess.image_size": seen_side(side), "augment.crop_padding": 2}
    return windows | sizes


def arm_recipe(study: Study, arm: Arm, common: Recipe, dataset: Dataset, *, seed: int) -> Recipe:
    """The recipe of one run; raises BadRecipe, BadModel or ImageSizeTooSmall for an arm that is impossible with these images."""
    small = dataset.native_side() < SMALL
    shared = with_overrides(common, numbers(dict(study.changes) | (dict(study.small) if small else {}), common))
    if small and study.small_model:
        shared = replace(shared, model=study.small_model, network=_without_windows(shared.network))
    start = _of_another_model(arm.model, shared, dataset) if arm.model else shared
    recipe = matched(start, shared, dict(arm.changes) | (dict(arm.small) if small else {}), len(dataset.classes))
    if arm.patience != 1:
        recipe = with_overrides(recipe, {"training.epochs": arm.patience * recipe.training.epochs})
    _check_flips(recipe, dataset)
    if kind_of(recipe.model) is NETWORK:
        layers_of(recipe, len(dataset.classes))
    return replace(recipe, seed=seed)


def _without_windows(choices: NetworkChoices) -> NetworkChoices:
    """The choices without the first layer's window, which applies to AlexNet on small images only."""
    return replace(choices, first_kernel=None, first_stride=None, first_padding=None)


def plain_changes(arm: Arm, recipe: Recipe, dataset: Dataset) -> dict[str, Any]:
    """The fields that the arm changes, with their values in its resolved recipe."""
    names = dict(arm.changes) | (dict(arm.small) if dataset.native_side() < SMALL else {})
    return {name: value_of(recipe, name) for name in [*names, *(["training.epochs"] if arm.patience != 1 else [])]}


def _of_another_model(model: str, shared: Recipe, dataset: Dataset) -> Recipe:
    """The recipe of another model: a hand-crafted system has its own, a network is trained like the common one."""
    if kind_of(model).fixed_features:
        own, _ = recipe_of(TrainingRequest(data=shared.data, model=model, layout_of_folders=shared.layout_of_folders), dataset)
        return replace(own, name="study", fraction=shared.fraction)
    choices = NetworkChoices(initialisation=shared.network.initialisation, dropout=shared.network.dropout)
    return replace(shared, model=model, network=choices)


def _check_flips(recipe: Recipe, dataset: Dataset) -> None:
    if recipe.augment.flip and not dataset.traits.flip and kind_of(recipe.model) is NETWORK:
        raise BadRecipe(f"Mirroring a picture can change its class in {dataset.name}, so this arm does not apply.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedArm:
    """An arm's recipe for each seed, or the reason it cannot run (`failure`). changes: with relative values computed."""

    name: str
    model: str
    changes: Changes
    recipes: Sequence[Recipe] = ()
    failure: str | None = None

    def outcomes(self, all_outcomes: Mapping[str, Outcome], seeds: int) -> list[Outcome]:
        """The outcome of each of its runs; for an arm that cannot run, the reason for each of so many seeds."""
        if self.failure is not None:
            return [Outcome(key="", seed=seed, failure=self.failure) for seed in range(seeds)]
        return [all_outcomes[digest(recipe)] for recipe in self.recipes]

    def of_seed(self, seed: int) -> "ResolvedArm":
        """The arm with that seed only."""
        return replace(self, recipes=[replace(recipe, seed=seed) for recipe in self.recipes[:1]])

    def has_seed(self, seed: int) -> bool:
        """Whether it is run with that seed; an arm that cannot run lacks none."""
        return self.failure is not None or any(recipe.seed == seed for recipe in self.recipes)

    def with_seed(self, seed: int) -> "ResolvedArm":
        """The arm with one more seed."""
        return replace(self, recipes=[*self.recipes, *self.of_seed(seed).recipes])


@dataclass(frozen=True, kw_only=True, slots=True)
class Arms:
    """All arms of a claim. study: with the arms that were planned. seeds: that every arm has.

    reason: why the claim cannot be studied on these images; None if it can. tried: the learning rates of each arm's search.
    """

    study: Study
    seeds: int
    arms: Mapping[str, ResolvedArm]
    reason: str | None = None
    tried: Mapping[str, Sequence[RateTried]] = field(default_factory=dict)

    @property
    def recipes(self) -> list[Recipe]:
        """The recipes of all runs; none if the claim cannot be studied."""
        return [] if self.reason is not None else [recipe for arm in self.arms.values() for recipe in arm.recipes]

    @property
    def compared(self) -> list[Recipe]:
        """The recipes of the two arms that the claim is about."""
        return [recipe for name in (self.study.better, self.study.worse) for recipe in self.arms[name].recipes]


def resolve(
    study: Study, common: Recipe, dataset: Dataset, *, seeds: int | Sequence[int], rates: Mapping[str, float] | None = None
) -> Arms:
    """The arms of a claim. One that is impossible with these images has a failure; so has the claim if it is about that arm.

    seeds: their number, or which. rates: the learning rate of each arm that has its own, by the arm's name.
    """
    which = range(seeds) if isinstance(seeds, int) else seeds
    arms = {arm.name: _resolved(study, arm, common, dataset, which, (rates or {}).get(arm.name)) for arm in study.arms}
    arms = _without_copies(arms, dataset)
    reason = next((failure for name in (study.better, study.worse) if (failure := arms[name].failure)), None)
    return Arms(study=study, seeds=len(which), arms=arms, reason=reason)


def _resolved(study: Study, arm: Arm, common: Recipe, dataset: Dataset, seeds: Sequence[int], rate: float | None) -> ResolvedArm:
    try:
        recipes = [arm_recipe(study, arm, common, dataset, seed=seed) for seed in seeds]
    except AlexNetError as error:
        return ResolvedArm(name=arm.name, model=arm.model or COMMON_NETWORK, changes={}, failure=str(error))
    if rate is not None:
        recipes = [with_overrides(recipe, {"training.learning_rate": rate}) for recipe in recipes]
    return ResolvedArm(name=arm.name, model=recipes[0].model, changes=plain_changes(arm, recipes[0], dataset), recipes=recipes)


def _without_copies(arms: Mapping[str, ResolvedArm], dataset: Dataset) -> dict[str, ResolvedArm]:
    """The arms; one that does on these images what an arm before it does has a failure and no runs: a forced square of square images."""
    found, seen = dict(arms), set[str]()
    for name, arm in arms.items():
        if not arm.recipes:
            continue
        first = arm.recipes[0]
        key = digest(replace(first, preprocess=replace(first.preprocess, fit="crop")))
        if key in seen and _all_square(dataset):
            why = f"All pictures of {dataset.name} are square: to force a square changes nothing, and the same runs would be compared."
            found[name] = replace(arm, recipes=(), failure=why)
        seen.add(key)
    return found


def _all_square(dataset: Dataset) -> bool:
    return all(header.width == header.height for header in dataset.sample_headers(SQUARES))
