"""A study in progress: its splits, its plan, and all its runs, here or on Ray. Knows no verdict and no page."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from alexnet.data.curation.splits import Splits, read_split_names
from alexnet.data.dataset import Dataset
from alexnet.i18n.units import duration
from alexnet.recipes.recipe import Recipe
from alexnet.runs.prepare import share_splits
from alexnet.runtime.events import Listener, Message, RunsDone
from alexnet.runtime.machine import available_cpus
from alexnet.runtime.process_pool import in_pool
from alexnet.runtime.ray_pool import on_ray
from alexnet.studies.arms import SETS_THE_SCALE, SMALL, Arms, Scale, common_recipe, resolve
from alexnet.studies.outcome import Outcome, read_outcome
from alexnet.studies.registry import STUDIES
from alexnet.studies.request import StudyFolder, StudyRequest
from alexnet.studies.scale import CLOSING_SECONDS, Workload, choose_scale, expected_half_width, probe, scales
from alexnet.studies.trial import Trial, digest, run_trial


@dataclass(slots=True)
class StudyState:
    """What a study's steps hand to each other."""

    folder: StudyFolder
    request: StudyRequest
    dataset: Dataset
    device: str
    processes: int
    on_ray: bool
    listen: Listener
    should_stop: Callable[[], bool]
    started: float = field(default_factory=time.monotonic)


def make_splits_of_seeds(course: StudyState) -> None:
    """The split of each seed, from one reading of the images."""
    missing = {seed: path for seed in range(course.request.seeds) if not (path := course.folder.splits_of(seed)).exists()}
    if missing:
        course.listen(Message(f"Reading {len(course.dataset.items):,} pictures of {len(course.dataset.classes)} classes ..."))
        share_splits(course.dataset, missing, workers=available_cpus(), listen=course.listen)


def planned(course: StudyState) -> StudyRequest:
    """The request with a scale: its own, or the largest that the budget holds; tells what to expect."""
    request = course.request
    if request.scale is not None:
        return request
    splits = Splits.from_json(course.dataset, read_split_names(course.folder.splits_of(0)))
    judged = len(splits.test or splits.validation)
    left = request.budget_seconds - CLOSING_SECONDS - (time.monotonic() - course.started)
    speeds: dict[str, float] = {}

    def workload(scale: Scale) -> Workload:
        recipes = _recipes_of_a_seed(course, scale)
        return Workload(
            recipes=recipes,
            train=len(splits.train),
            validation=len(splits.validation),
            judged=judged,
            classes=len(course.dataset.classes),
            seeds=request.seeds,
        )

    def speed(recipe: Recipe) -> float:
        key = digest(replace(recipe, fraction=1.0))
        if key not in speeds:
            speeds[key] = _probed(course, recipe)
        return speeds[key]

    candidates = _candidates(course, len(splits.train))
    scale, work = choose_scale(candidates, workload, speed, left * course.processes, asked_epochs=_asked_epochs(request))
    course.listen(Message(_plan_words(scale, work, course.dataset.native_side(), request)))
    return replace(request, scale=scale)


def _asked_epochs(request: StudyRequest) -> float | None:
    epochs = request.overrides.get("training.epochs")
    return None if epochs is None else float(epochs)


def _candidates(course: StudyState, train: int) -> list[Scale]:
    """The scales to choose from, with what the user has said in each."""
    said = {part: kind(course.request.overrides[name]) for name, (part, kind) in SETS_THE_SCALE.items() if name in course.request.overrides}
    return list(dict.fromkeys(replace(scale, **said) for scale in scales(course.dataset, train)))


def _recipes_of_a_seed(course: StudyState, scale: Scale) -> list[Recipe]:
    """The common recipe first, then every other arm's, each once."""
    common = common_recipe(course.request.data, course.dataset, scale, course.request.overrides)
    arms = [resolve(STUDIES[claim], common, course.dataset, seeds=1) for claim in course.request.claims]
    return list({digest(recipe): recipe for recipe in [common, *(recipe for one in arms for recipe in one.recipes)]}.values())


def _probed(course: StudyState, recipe: Recipe) -> float:
    """Seconds an image, in as many processes at once as will train."""
    tasks = [(recipe, course.device)] * course.processes
    measured = [seconds for _, seconds in in_pool(probe, tasks, processes=course.processes, should_stop=course.should_stop)]
    return max(measured)


def _plan_words(scale: Scale, work: Workload, side: int, request: StudyRequest) -> str:
    """The plan in one line, and the interval to expect."""
    images = round(scale.fraction * work.train)
    seen = f"{scale.size} px, " if side >= SMALL else ""
    half = expected_half_width(work.judged, work.seeds)
    runs, claims = len(work.recipes) * work.seeds, f"{len(request.claims)} claim{'s' * (len(request.claims) > 1)}"
    return (
        f"Plan: {runs} runs ({claims}, {work.seeds} seeds), {seen}{scale.width:g} of the network's width, {images:,} pictures, "
        f"{scale.epochs:g} epochs; at most about {duration(request.budget_seconds)}. Expect differences to be known within "
        f"± {100 * half:.1f} points ({work.judged:,} pictures judge)."
    )


def run_all(course: StudyState, arms: Mapping[str, Arms]) -> dict[str, Outcome]:
    """Every different run once, by digest: found again, or made; a line for each as it ends."""
    trials = _trials(course, arms)
    done = {key: read_outcome(trial.outcome) for key, trial in trials.items() if trial.outcome.exists()}
    todo = [trial for key, trial in trials.items() if key not in done]
    if done:
        course.listen(Message(f"{len(done)} of {len(trials)} runs have ended before and are not made again."))
    names, started = _names(arms), time.monotonic()
    course.listen(RunsDone(0, len(todo), None))
    for count, (number, outcome) in enumerate(_made(course, todo), 1):
        key = digest(todo[number].recipe)
        done[key] = outcome
        course.listen(Message(_line(names[key], outcome, len(done), len(trials))))
        left = (time.monotonic() - started) / count * (len(todo) - count)
        course.listen(RunsDone(count, len(todo), left))
    return done


def _made(course: StudyState, todo: Sequence[Trial]) -> Iterator[tuple[int, Outcome]]:
    run = on_ray if course.on_ray else in_pool
    return run(run_trial, todo, processes=course.processes, should_stop=course.should_stop)


def _trials(course: StudyState, arms: Mapping[str, Arms]) -> dict[str, Trial]:
    """By digest; what sees images of one size together, so that a process decodes them once; of it the first seed before the second."""

    def place(recipe: Recipe) -> tuple[str, int, int]:
        return recipe.preprocess.fit, recipe.preprocess.stored_size, recipe.seed

    recipes = sorted((recipe for one in arms.values() for recipe in one.recipes), key=place)
    return {
        key: Trial(recipe=recipe, splits=course.folder.splits_of(recipe.seed), folder=course.folder.runs / key, device=course.device)
        for recipe in recipes
        if (key := digest(recipe))
    }


def _names(arms: Mapping[str, Arms]) -> dict[str, str]:
    """What a run is called in a line: the first claim and arm that need it."""
    names: dict[str, str] = {}
    for claim, one in arms.items():
        for name, arm in one.arms.items():
            for recipe in arm.recipes:
                names.setdefault(digest(recipe), f"{claim}: {name}, seed {recipe.seed}")
    return names


def _line(name: str, outcome: Outcome, count: int, total: int) -> str:
    if outcome.failure is not None or outcome.judged_error is None:
        return f"[{count}/{total}] {name}: no result. {outcome.failure}"
    return f"[{count}/{total}] {name}: {outcome.judged} error {outcome.judged_error:.1%} after {duration(outcome.seconds)}"
