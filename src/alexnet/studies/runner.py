"""A study in progress: its splits, its plan and all its runs, on this machine or on Ray. Independent of verdicts and pages."""

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
    """A study in progress: what its steps share."""

    folder: StudyFolder
    request: StudyRequest
    dataset: Dataset
    device: str
    processes: int
    on_ray: bool
    listen: Listener
    should_stop: Callable[[], bool]
    started: float = field(default_factory=time.monotonic)


def make_splits_of_seeds(state: StudyState) -> None:
    """Make the missing splits, all from one reading of the images."""
    missing = {seed: path for seed in range(state.request.seeds) if not (path := state.folder.splits_of(seed)).exists()}
    if missing:
        state.listen(Message(f"Reading {len(state.dataset.items):,} pictures of {len(state.dataset.classes)} classes ..."))
        share_splits(state.dataset, missing, workers=available_cpus(), listen=state.listen)


def planned(state: StudyState) -> StudyRequest:
    """The request with a scale: its own, or the largest that fits in the budget, in which case the plan is reported to the listener."""
    request = state.request
    if request.scale is not None:
        return request
    splits = Splits.from_json(state.dataset, read_split_names(state.folder.splits_of(0)))
    judged = len(splits.test or splits.validation)
    left = request.budget_seconds - CLOSING_SECONDS - (time.monotonic() - state.started)
    speeds: dict[str, float] = {}

    def workload(scale: Scale) -> Workload:
        recipes = _recipes_of_a_seed(state, scale)
        return Workload(
            recipes=recipes,
            train=len(splits.train),
            validation=len(splits.validation),
            judged=judged,
            classes=len(state.dataset.classes),
            seeds=request.seeds,
        )

    def speed(recipe: Recipe) -> float:
        key = digest(replace(recipe, fraction=1.0))
        if key not in speeds:
            speeds[key] = _probed(state, recipe)
        return speeds[key]

    candidates = _candidates(state, len(splits.train))
    scale, work = choose_scale(candidates, workload, speed, left * state.processes, fixed_epochs=_fixed_epochs(request))
    state.listen(Message(_plan(scale, work, state.dataset.native_side(), request)))
    return replace(request, scale=scale)


def _fixed_epochs(request: StudyRequest) -> float | None:
    epochs = request.overrides.get("training.epochs")
    return None if epochs is None else float(epochs)


def _candidates(state: StudyState, train: int) -> list[Scale]:
    """The scales to choose from, with the user's overrides in each."""
    fixed = {part: kind(state.request.overrides[name]) for name, (part, kind) in SETS_THE_SCALE.items() if name in state.request.overrides}
    return list(dict.fromkeys(replace(scale, **fixed) for scale in scales(state.dataset, train)))


def _recipes_of_a_seed(state: StudyState, scale: Scale) -> list[Recipe]:
    """The common recipe first, then every other arm's, each once."""
    common = common_recipe(state.request.data, state.dataset, scale, state.request.fields)
    arms = [resolve(STUDIES[claim], common, state.dataset, seeds=1) for claim in state.request.claims]
    return list({digest(recipe): recipe for recipe in [common, *(recipe for one in arms for recipe in one.recipes)]}.values())


def _probed(state: StudyState, recipe: Recipe) -> float:
    """Seconds of training per image, measured in as many processes at once as will train."""
    tasks = [(recipe, state.device)] * state.processes
    measured = [seconds for _, seconds in in_pool(probe, tasks, processes=state.processes, should_stop=state.should_stop)]
    return max(measured)


def _plan(scale: Scale, work: Workload, side: int, request: StudyRequest) -> str:
    """The plan in one line, with the expected width of the intervals."""
    images = round(scale.fraction * work.train)
    seen = f"{scale.size} px, " if side >= SMALL else ""
    half = expected_half_width(work.judged, work.seeds)
    runs, claims = len(work.recipes) * work.seeds, f"{len(request.claims)} claim{'s' * (len(request.claims) > 1)}"
    return (
        f"Plan: {runs} runs ({claims}, {work.seeds} seeds), {seen}{scale.width:g} of the network's width, {images:,} pictures, "
        f"{scale.epochs:g} epochs; at most about {duration(request.budget_seconds)}. Expected precision of a difference: "
        f"± {100 * half:.1f} points (judged on {work.judged:,} pictures)."
    )


def run_all(state: StudyState, arms: Mapping[str, Arms]) -> dict[str, Outcome]:
    """Outcomes by digest: each distinct run is made once, or read back if it has finished; one message per run."""
    trials = _trials(state, arms)
    done = {key: read_outcome(trial.outcome) for key, trial in trials.items() if trial.outcome.exists()}
    todo = [trial for key, trial in trials.items() if key not in done]
    if done:
        state.listen(Message(f"{len(done)} of {len(trials)} runs are already finished and are not repeated."))
    names, started = _names(arms), time.monotonic()
    state.listen(RunsDone(0, len(todo), None))
    for count, (number, outcome) in enumerate(_outcomes(state, todo), 1):
        key = digest(todo[number].recipe)
        done[key] = outcome
        state.listen(Message(_line(names[key], outcome, len(done), len(trials))))
        left = (time.monotonic() - started) / count * (len(todo) - count)
        state.listen(RunsDone(count, len(todo), left))
    return done


def _outcomes(state: StudyState, todo: Sequence[Trial]) -> Iterator[tuple[int, Outcome]]:
    run = on_ray if state.on_ray else in_pool
    return run(run_trial, todo, processes=state.processes, should_stop=state.should_stop)


def _trials(state: StudyState, arms: Mapping[str, Arms]) -> dict[str, Trial]:
    """Trials by digest, ordered by image size, so that a process decodes each size once, then by seed."""

    def place(recipe: Recipe) -> tuple[str, int, int]:
        return recipe.preprocess.fit, recipe.preprocess.stored_size, recipe.seed

    recipes = sorted((recipe for one in arms.values() for recipe in one.recipes), key=place)
    return {
        key: Trial(recipe=recipe, splits=state.folder.splits_of(recipe.seed), folder=state.folder.runs / key, device=state.device)
        for recipe in recipes
        if (key := digest(recipe))
    }


def _names(arms: Mapping[str, Arms]) -> dict[str, str]:
    """The name of each run in messages: the first claim and arm that need it."""
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
