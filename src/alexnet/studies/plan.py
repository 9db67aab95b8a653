"""The plan of a study: the epochs after which the network fits, from a pilot; then as many images as the budget holds, then width."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from alexnet.data.curation.splits import Splits, read_split_names
from alexnet.evaluation.seed_forecast import expected_half_width, seeds_within
from alexnet.evaluation.sequential import level_at
from alexnet.i18n.units import duration
from alexnet.recipes.recipe import Recipe
from alexnet.runtime.events import Message
from alexnet.studies.arms import common_recipe, resolve
from alexnet.studies.claim import Study
from alexnet.studies.rates import RATE, RATE_SEED, rate_candidates
from alexnet.studies.registry import STUDIES
from alexnet.studies.request import StudyRequest
from alexnet.studies.runner import StudyState, run_trials, split_ratio
from alexnet.studies.scale import (
    CLOSING_SECONDS,
    FEWEST_IMAGES,
    FIXED_SECONDS,
    SETS_THE_SCALE,
    SMALL,
    Scale,
    Workload,
    choose_scale,
    scales,
)
from alexnet.studies.speed import MeasuredSpeed
from alexnet.studies.trial import Trial, digest

PILOT_EPOCHS = (15.0, 30.0, 60.0, 120.0)
FITS = 0.01  # training error of a network that fits
AIM = 0.05  # half of an interval; with few judged images it takes many seeds, which are worth more than larger images
PILOT_SHARE = 0.25  # of the budget, that a pilot may take
LEFT_OUT = {
    "all": "",
    "core": " Arms that no verdict needs are left out; a longer --budget would hold them.",
    "equal": " Arms with more epochs are left out; a longer --budget would hold them.",
}
Images = Mapping[str, int]  # "train", "validation" and "judged" -> how many


@dataclass(frozen=True, slots=True)
class Pilot:
    """The epochs that a pilot has found, and the training error there (None: no pilot was run)."""

    epochs: float
    training_error: float | None

    def told(self, images: int) -> str:
        """One sentence for the user."""
        if self.training_error is None:
            return ""
        error, seen = f"{self.training_error:.1%}", f"{images:,} pictures, {self.epochs:g} epochs"
        if self.training_error < FITS:
            return f"Pilot: without regularisation the network learns its training pictures ({error} training error; {seen})."
        return (
            f"Pilot: without regularisation the network still has {error} training error ({seen}), and the budget holds no longer one. "
            "Claims about regularisation may not be judged; a longer --budget would help."
        )


def planned(state: StudyState) -> StudyRequest:
    """The request with a scale: its own, or the largest that fits in the budget, in which case the plan is reported to the listener."""
    request = state.request
    if request.scale is not None:
        return request
    images = _images(state)
    speed = MeasuredSpeed(device=state.device, processes=state.processes, classes=len(state.dataset.classes), should_stop=state.should_stop)
    pilot = _pilot(state, images, speed)
    if sentence := pilot.told(min(FEWEST_IMAGES, images["train"])):
        state.listen(Message(sentence))
    candidates = list(dict.fromkeys(_with_own(state, scale) for scale in scales(state.dataset, pilot.epochs)))
    seeds = _seeds_to_plan(request, images["judged"], split_ratio(state.folder))
    scale, work = choose_scale(
        candidates,
        lambda scale: _workload(state, scale, images, request.planned_seeds if _as_small(scale, candidates[-1]) else seeds),
        speed,
        _left(state) * state.processes,
        fixed_fraction="fraction" in request.overrides,
    )
    state.listen(Message(_plan(scale, work, state.dataset.native_side(), request, split_ratio(state.folder))))
    return replace(request, scale=scale)


def _seeds_to_plan(request: StudyRequest, judged: int, test_share: float) -> int:
    """The seeds for which time is kept before it is spent on larger images or wider networks."""
    possible = range(request.planned_seeds, request.most_seeds + 1)
    return seeds_within(AIM, judged, possible, test_share=test_share, level=level_at) if request.auto else request.seeds


def _as_small(scale: Scale, least: Scale) -> bool:
    return (scale.size, scale.width) == (least.size, least.width)


def _left(state: StudyState) -> float:
    """Seconds of the budget that are left for runs."""
    return state.request.budget_seconds - CLOSING_SECONDS - (time.monotonic() - state.started)


def _images(state: StudyState) -> Images:
    splits = Splits.from_json(state.dataset, read_split_names(state.folder.splits_of(0)))
    return {"train": len(splits.train), "validation": len(splits.validation), "judged": len(splits.test or splits.validation)}


def _with_own(state: StudyState, scale: Scale) -> Scale:
    """The scale with the fields that the user sets."""
    fields = {part: kind(state.request.overrides[name]) for name, (part, kind) in SETS_THE_SCALE.items() if name in state.request.overrides}
    return replace(scale, **fields)


def _pilot(state: StudyState, images: Images, speed: MeasuredSpeed) -> Pilot:
    """The fewest epochs after which the smallest network without regularisation fits a few images, or as many as may be tried."""
    if "training.epochs" in state.request.overrides:
        return Pilot(float(state.request.overrides["training.epochs"]), None)
    recipes = {epochs: _pilot_recipe(state, epochs, images) for epochs in PILOT_EPOCHS}
    per_image, started, best = speed.measured(recipes[PILOT_EPOCHS[0]]), time.monotonic(), Pilot(PILOT_EPOCHS[0], None)
    limit = PILOT_SHARE * state.request.budget_seconds
    for epochs, recipe in recipes.items():
        needed = FIXED_SECONDS + epochs * per_image * recipe.fraction * images["train"]
        if best.training_error is not None and time.monotonic() - started + needed > limit:
            break
        best = Pilot(epochs, _training_error(state, recipe))
        if best.training_error is not None and best.training_error < FITS:
            break
    return best


def _pilot_recipe(state: StudyState, epochs: float, images: Images) -> Recipe:
    smallest = scales(state.dataset, epochs)[-1]
    scale = replace(smallest, fraction=min(1.0, float(f"{FEWEST_IMAGES / images['train']:.4g}")))
    common = common_recipe(state.request.data, state.dataset, _with_own(state, scale), state.request.fields)
    return replace(common, seed=RATE_SEED, training=replace(common.training, epochs=epochs))


def _training_error(state: StudyState, recipe: Recipe) -> float:
    """The training error of a run of the pilot; 1 if it failed."""
    key = digest(recipe)
    trial = Trial(
        recipe=recipe, splits=state.folder.splits_of(RATE_SEED), folder=state.folder.runs / key, device=state.device, judged=False
    )
    outcome = run_trials(state, {key: trial}, {key: f"pilot of {recipe.training.epochs:g} epochs"})[key]
    return 1.0 if outcome.training_error is None else outcome.training_error


def _workload(state: StudyState, scale: Scale, images: Images, seeds: int) -> Workload:
    """The work at that scale, of which time for so many seeds of the compared arms is a part."""
    common = common_recipe(state.request.data, state.dataset, scale, state.request.fields)
    studies = [STUDIES[claim].at(scale.extent) for claim in state.request.claims]
    arms = [resolve(study, common, state.dataset, seeds=1) for study in studies]
    return Workload(
        recipes=_distinct([common, *(recipe for one in arms for recipe in one.recipes)]),
        searched=_distinct(_searched(state, studies, common)),
        compared=_distinct([recipe for one in arms if one.reason is None for recipe in one.compared]),
        further=seeds - state.request.seeds,
        train=images["train"],
        validation=images["validation"],
        judged=images["judged"],
        classes=len(state.dataset.classes),
        seeds=state.request.seeds,
    )


def _searched(state: StudyState, studies: list[Study], common: Recipe) -> list[Recipe]:
    """The runs of the rate search; none if the user sets the rate."""
    if RATE in state.request.overrides:
        return []
    return [recipe for study in studies for of_arm in rate_candidates(study, common, state.dataset).values() for recipe in of_arm]


def _distinct(recipes: list[Recipe]) -> list[Recipe]:
    return list({digest(recipe): recipe for recipe in recipes}.values())


def _plan(scale: Scale, work: Workload, side: int, request: StudyRequest, test_share: float) -> str:
    """The plan in a few sentences, with the expected width of the intervals."""
    seen = f"{scale.size} px, " if side >= SMALL else ""
    pairs = max(1, len(work.recipes) - 1)
    half = expected_half_width(work.judged, request.seeds, pairs=pairs, test_share=test_share, level=request.first_level)
    claims = f"{len(request.claims)} claim{'s' * (len(request.claims) > 1)}"
    further = f", then more for claims that are not clear, up to {request.most_seeds}" if request.auto else ""
    search = f" {len(work.searched)} more choose the learning rates." if work.searched else ""
    images = math.floor(scale.fraction * work.train)
    return (
        f"Plan: {len(work.recipes) * request.seeds} runs ({claims}, {request.seeds} seeds{further}), "
        f"{seen}{scale.width:g} of the network's width, {images:,} pictures, {scale.epochs:g} epochs; at most about "
        f"{duration(request.budget_seconds)}.{search}{LEFT_OUT[scale.extent]} "
        f"Expected precision of a difference: ± {100 * half:.1f} points with {request.seeds} seeds (judged on {work.judged:,} pictures)."
    )
