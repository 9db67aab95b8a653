"""A study in progress: its splits and all its runs, on this machine or on Ray. Independent of its plan, of verdicts and of pages."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from alexnet.data.curation.splits import read_split_names
from alexnet.data.dataset import Dataset
from alexnet.errors import BadRun
from alexnet.i18n.units import duration
from alexnet.recipes.recipe import Recipe
from alexnet.runs.prepare import share_splits
from alexnet.runtime.events import Listener, Message, RunsDone
from alexnet.runtime.machine import available_cpus
from alexnet.runtime.process_pool import in_pool
from alexnet.runtime.ray_pool import on_ray
from alexnet.studies.arms import Arms
from alexnet.studies.claim import Measure
from alexnet.studies.outcome import Outcome
from alexnet.studies.rates import RATE_SEED
from alexnet.studies.request import StudyFolder, StudyRequest
from alexnet.studies.shifts import moved_images
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


def make_splits_of_seeds(state: StudyState, seeds: int) -> None:
    """Make the missing splits of the first seeds and of the rate search, all from one reading of the images."""
    wanted = [*range(seeds), RATE_SEED]
    missing = {seed: path for seed in wanted if not (path := state.folder.splits_of(seed)).exists()}
    if missing:
        state.listen(Message(f"Reading {len(state.dataset.items):,} pictures of {len(state.dataset.classes)} classes ..."))
        share_splits(state.dataset, missing, workers=available_cpus(), listen=state.listen, **_shares(state.request))


def _shares(request: StudyRequest) -> dict[str, float]:
    """The shares that the splits depend on, those that are set: of a class's files that may be unreadable, and of validation."""
    return {name: float(request.overrides[name]) for name in ("max_unreadable", "validation") if request.overrides.get(name) is not None}


def judging_images(folder: StudyFolder, seed: int) -> list[str]:
    """The names of the images on which the runs of a seed are judged."""
    splits = read_split_names(folder.splits_of(seed))
    return list(splits["test"] or splits["validation"])


def split_ratio(folder: StudyFolder) -> float:
    """Judged images per training image, if each seed has its own split; 0 if all seeds judge the same images."""
    judged = judging_images(folder, 0)
    if judged == judging_images(folder, 1):
        return 0.0
    return len(judged) / max(1, len(read_split_names(folder.splits_of(0))["train"]))


def run_all(state: StudyState, arms: Mapping[str, Arms]) -> dict[str, Outcome]:
    """Outcomes by digest of all runs that verdicts need."""
    return run_trials(state, trials_of(state, arms), _names(arms))


def trials_of(state: StudyState, arms: Mapping[str, Arms]) -> dict[str, Trial]:
    """The runs that verdicts need, by digest, each with all that the claims which share it measure."""
    measures: dict[str, frozenset[Measure]] = {}
    for one in arms.values():
        for recipe in one.recipes:
            measures[digest(recipe)] = measures.get(digest(recipe), frozenset()) | one.study.on_request
    trials = make_trials(state, [recipe for one in arms.values() for recipe in one.recipes])
    return {key: replace(trial, measures=measures[key]) for key, trial in trials.items()}


def run_trials(state: StudyState, trials: Mapping[str, Trial], names: Mapping[str, str]) -> dict[str, Outcome]:
    """Outcomes by digest: each distinct run is made once, or read back if it has finished; one message per run."""
    judging = cache(lambda seed: len(judging_images(state.folder, seed)))  # a split names every image: it is read once
    done = {key: outcome for key, trial in trials.items() if (outcome := _finished(trial, judging)) is not None}
    todo = [trial for key, trial in trials.items() if key not in done]
    if done and todo:
        state.listen(Message(f"{len(done)} of {len(trials)} runs are already finished and are not repeated."))
    started = time.monotonic()
    state.listen(RunsDone(0, len(todo), None))
    for count, (number, outcome) in enumerate(_outcomes(state, todo), 1):
        key = digest(todo[number].recipe)
        done[key] = outcome
        state.listen(Message(_line(names[key], outcome, len(done), len(trials))))
        left = (time.monotonic() - started) / count * (len(todo) - count)
        state.listen(RunsDone(count, len(todo), left))
    return done


def _finished(trial: Trial, judging: Callable[[int], int]) -> Outcome | None:
    """The outcome of a run that has finished; raises BadRun if it is damaged, or is not about the images that judge its seed.

    judging: how many images judge a seed.
    """
    outcome = trial.done()
    if outcome is None or not (outcome.wrong or outcome.moved):
        return outcome
    images = range(judging(trial.recipe.seed))
    for found, judged in ((outcome.wrong, images), (outcome.moved, moved_images(images))):
        if found and len(found) != len(judged):
            raise BadRun(
                f"{trial.outcome} is damaged (it is about {len(found):,} pictures, and its seed is judged by {len(judged):,}); "
                f"delete {trial.folder} and rerun the same command."
            )
    return outcome


def _outcomes(state: StudyState, todo: Sequence[Trial]) -> Iterator[tuple[int, Outcome]]:
    run = on_ray if state.on_ray else in_pool
    return run(run_trial, todo, processes=state.processes, should_stop=state.should_stop)


def make_trials(state: StudyState, recipes: Sequence[Recipe], *, judged: bool = True) -> dict[str, Trial]:
    """Trials by digest, ordered by image size, so that a process decodes each size once; the longest first, so that all end together."""

    def place(recipe: Recipe) -> tuple[str, int, float, int]:
        return recipe.preprocess.fit, recipe.preprocess.stored_size, -recipe.training.epochs * recipe.fraction, recipe.seed

    return {
        key: Trial(
            recipe=recipe,
            splits=state.folder.splits_of(recipe.seed),
            folder=state.folder.runs / key,
            device=state.device,
            judged=judged,
        )
        for recipe in sorted(recipes, key=place)
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
    judged, error = (outcome.judged, outcome.judged_error) if outcome.wrong else ("validation", outcome.validation_error)
    if outcome.failure is not None or error is None:
        return f"[{count}/{total}] {name}: no result. {outcome.failure}"
    return f"[{count}/{total}] {name}: {judged} error {error:.1%} after {duration(outcome.seconds)}"
