"""The recipe that all arms share, and the recipe of each arm. Independent of how runs are executed and judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from alexnet.data.dataset import Dataset
from alexnet.errors import AlexNetError, BadDataset, BadRecipe
from alexnet.models.kinds import NETWORK, kind_of
from alexnet.models.networks.architecture import NetworkChoices
from alexnet.recipes.networks import layers_of
from alexnet.recipes.overrides import with_overrides
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.resolve import TrainingRequest, recipe_of, value_of
from alexnet.studies.claim import Arm, Changes, Study
from alexnet.studies.outcome import Outcome
from alexnet.studies.trial import digest

COMMON_NETWORK = "alexnet"
SMALL = 64  # px: smaller images are used at their own size, with first windows of 5x5 windows instead of 11x11 ones with stride 4
BATCH = 32  # images per step: a few epochs on few images need many steps to move the weights
SMALLEST = 15  # px: 15, 7, 3 and 1 after three poolings
SETS_THE_SCALE: dict[str, tuple[str, type]] = {
    "network.width": ("width", float),
    "fraction": ("fraction", float),
    "training.epochs": ("epochs", float),
    "preprocess.image_size": ("size", int),
}  # the fields of a recipe that make up a study's scale
LARGEST_MATCH = 1 << 17  # the most hidden units in the search for equal parameters


@dataclass(frozen=True, slots=True)
class Times:
    """A change that multiplies the common recipe's number."""

    factor: float


@dataclass(frozen=True, slots=True)
class Matching:
    """A change to the whole number at which the network has as many parameters (or macs) as before the arm's other changes."""

    total: str  # "parameters" or "macs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """How large the runs of a study are."""

    size: int  # side of the network's input in px
    width: float  # factor on the network's channels and units
    fraction: float  # of the training images
    epochs: float


def seen_side(side: int) -> int:
    """The largest side up to `side` px with the same sizes after three poolings by 2, overlapping or not: 31 of 32, 23 of 28."""
    return (side + 1) // 8 * 8 - 1


def common_recipe(data: str, dataset: Dataset, scale: Scale, overrides: Mapping[str, Any]) -> Recipe:
    """The 2012 network in the quick recipe, at a study's scale; `overrides` are the user's and take precedence.

    Raises BadDataset for images too small for three poolings.
    """
    side = dataset.native_side()
    if seen_side(side) < SMALLEST:
        raise BadDataset(f"{dataset.name} has pictures of {side} px; a study needs {SMALLEST} px or more, as AlexNet pools three times.")
    sizes = _small_sizes(side) if side < SMALL else {"preprocess.stored_size": scale.size * 8 // 7, "preprocess.image_size": scale.size}
    changes = sizes | {
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
    shared = with_overrides(common, _numbers(dict(study.changes) | (dict(study.small) if small else {}), common))
    if small and study.small_model:
        shared = replace(shared, model=study.small_model, network=_without_windows(shared.network))
    start = _of_another_model(arm.model, shared, dataset) if arm.model else shared
    recipe = _matched(start, shared, dict(arm.changes) | (dict(arm.small) if small else {}), len(dataset.classes))
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
    return {name: value_of(recipe, name) for name in names}


def _of_another_model(model: str, shared: Recipe, dataset: Dataset) -> Recipe:
    """The recipe of another model: a hand-crafted system has its own, a network is trained like the common one."""
    if kind_of(model).fixed_features:
        own, _ = recipe_of(TrainingRequest(data=shared.data, model=model, layout_of_folders=shared.layout_of_folders), dataset)
        return replace(own, name="study", fraction=shared.fraction)
    choices = NetworkChoices(initialisation=shared.network.initialisation)
    return replace(shared, model=model, network=choices)


def _numbers(changes: Changes, recipe: Recipe) -> dict[str, Any]:
    """The changes with relative values computed; integers stay integers."""
    return {name: _times(recipe, name, value.factor) if isinstance(value, Times) else value for name, value in changes.items()}


def _times(recipe: Recipe, dotted: str, factor: float) -> float:
    value = value_of(recipe, dotted)
    if value is None:  # the default width of a network is 1
        return factor
    return round(factor * value) if isinstance(value, int) else float(f"{factor * value:.6g}")


def _matched(start: Recipe, shared: Recipe, changes: Changes, classes: int) -> Recipe:
    plain = {name: value for name, value in changes.items() if not isinstance(value, Matching)}
    recipe = with_overrides(start, _numbers(plain, shared))
    for name, value in changes.items():
        if isinstance(value, Matching):
            recipe = with_overrides(recipe, {name: _matching(recipe, name, value.total, _total(shared, classes, value.total), classes)})
    return recipe


def _total(recipe: Recipe, classes: int, what: str) -> int:
    return sum(getattr(layer, what) for layer in layers_of(recipe, classes))


def _matching(recipe: Recipe, field: str, what: str, wanted: int, classes: int) -> int:
    """The largest value of `field`, by bisection, at which the network has at most `wanted` parameters or macs (`what`)."""
    low, high = 1, LARGEST_MATCH
    while low < high:
        middle = (low + high + 1) // 2
        fits = _total(with_overrides(recipe, {field: middle}), classes, what) <= wanted
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


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

    def outcome(self, outcomes: Mapping[str, Outcome], seed: int) -> Outcome:
        """The outcome of that seed's run; for an arm that cannot run, one with the reason."""
        if self.failure is not None:
            return Outcome(key="", seed=seed, failure=self.failure)
        return outcomes[digest(self.recipes[seed])]


@dataclass(frozen=True, kw_only=True, slots=True)
class Arms:
    """All arms of a claim. reason: why the claim cannot be studied on these images; None if it can."""

    seeds: int
    arms: Mapping[str, ResolvedArm]
    reason: str | None = None

    @property
    def recipes(self) -> list[Recipe]:
        """The recipes of all runs; none if the claim cannot be studied."""
        return [] if self.reason is not None else [recipe for arm in self.arms.values() for recipe in arm.recipes]


def resolve(study: Study, common: Recipe, dataset: Dataset, *, seeds: int) -> Arms:
    """The arms of a claim. One that is impossible with these images has a failure; so has the claim if it is about that arm."""
    arms = {arm.name: _resolved(study, arm.name, common, dataset, seeds) for arm in study.arms}
    reason = next((failure for name in (study.better, study.worse) if (failure := arms[name].failure)), None)
    return Arms(seeds=seeds, arms=arms, reason=reason)


def _resolved(study: Study, name: str, common: Recipe, dataset: Dataset, seeds: int) -> ResolvedArm:
    arm = study.arm(name)
    try:
        recipes = [arm_recipe(study, arm, common, dataset, seed=seed) for seed in range(seeds)]
    except AlexNetError as error:
        return ResolvedArm(name=name, model=arm.model or COMMON_NETWORK, changes={}, failure=str(error))
    return ResolvedArm(name=name, model=recipes[0].model, changes=plain_changes(arm, recipes[0], dataset), recipes=recipes)
