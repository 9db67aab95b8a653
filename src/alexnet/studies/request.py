"""The request for a study, validated before anything runs and saved in the study's folder."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from alexnet.errors import AlexNetError, BadRecipe, BadRun, did_you_mean
from alexnet.evaluation.seed_statistics import LEVEL
from alexnet.evaluation.sequential import FIRST_LOOK, PLANNED, level_at
from alexnet.i18n.units import seconds_of
from alexnet.recipes.overrides import with_overrides
from alexnet.recipes.recipe import Recipe
from alexnet.storage.files import read_record, write_atomically
from alexnet.studies.arms import COMMON_NETWORK
from alexnet.studies.rates import RATE_SEED
from alexnet.studies.registry import find_studies
from alexnet.studies.scale import Scale

Where = Literal["local", "ray"]

DEFAULT_SEEDS, DEFAULT_BUDGET, DEFAULT_MARGIN = FIRST_LOOK, "30m", 1.0
AUTO: Literal["auto"] = "auto"  # seeds are added until a claim is clear
PLANNED_SEEDS = 6  # of a study with AUTO: half of the budget is for the first three, half for the claims that those leave undecided
PLAN = 2  # of planning and of the recipe that all arms share; in requests without this number, 1
NOT_OF_A_STUDY = re.compile(r"(training\.budget[_-]seconds|seed|layout[_-]of[_-]folders)")


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyRequest:
    """What to study. Requests that differ only in claims, seeds or budget belong to the same study. scale: None until it has been planned.

    seeds: of every claim. auto: further seeds, one at a time, for claims that are not clear yet. margin: points of error below which a
    difference does not matter.
    """

    data: str
    claims: tuple[str, ...]
    seeds: int = DEFAULT_SEEDS
    auto: bool = False  # as in studies of earlier versions
    margin: float = DEFAULT_MARGIN
    budget: str = DEFAULT_BUDGET
    layout_of_folders: str | None = None  # of the data, as the user has chosen it
    overrides: Mapping[str, Any] = field(default_factory=dict)  # fields of the common recipe that the user sets
    scale: Scale | None = None
    plan: int = 1

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the common recipe that the user sets, by dotted name."""
        return dict(self.overrides) | ({"layout_of_folders": self.layout_of_folders} if self.layout_of_folders else {})

    @property
    def most_seeds(self) -> int:
        """The seeds of a claim that never becomes clear."""
        return max(self.seeds, PLANNED) if self.auto else self.seeds

    @property
    def planned_seeds(self) -> int:
        """The seeds of every claim for which time is planned."""
        return max(self.seeds, PLANNED_SEEDS) if self.auto else self.seeds

    @property
    def first_level(self) -> float:
        """The two-sided level of the first intervals: of the look with `seeds` seeds if there may be further looks."""
        return level_at(self.seeds) if self.auto else LEVEL

    @property
    def budget_seconds(self) -> float:
        """The budget in seconds."""
        return seconds_of(self.budget)


def study_request(
    data: str,
    *,
    claims: str | tuple[str, ...] | None = None,
    seeds: int | Literal["auto"] | None = None,
    margin: float | None = None,
    budget: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    on: str = "local",
    layout_of_folders: str | None = None,
) -> StudyRequest:
    """A validated request; arguments that are None take their defaults. Raises BadRecipe with what to change."""
    if seeds is not None and not isinstance(seeds, int) and seeds != AUTO:
        raise BadRecipe(f"--seeds is '{seeds}'; it is a whole number from 2, or auto. {did_you_mean(str(seeds), [AUTO])}")
    if on not in get_args(Where):
        raise BadRecipe(f"--on is '{on}'; it can be {' or '.join(get_args(Where))}. {did_you_mean(on, get_args(Where))}")
    request = StudyRequest(
        data=data,
        claims=tuple(study.claim for study in find_studies(claims)),
        seeds=seeds if isinstance(seeds, int) else DEFAULT_SEEDS,
        auto=not isinstance(seeds, int),
        margin=DEFAULT_MARGIN if margin is None else float(margin),
        budget=DEFAULT_BUDGET if budget is None else budget,
        layout_of_folders=layout_of_folders,
        overrides={name.replace("-", "_"): value for name, value in (overrides or {}).items()},
        plan=PLAN,
    )
    if not 2 <= request.seeds < RATE_SEED:
        raise BadRecipe(f"--seeds is {request.seeds}; a study compares paired runs and needs 2 seeds or more, or auto, the default.")
    if not 0 < request.margin < 100:
        raise BadRecipe(f"--margin is {request.margin:g}; it is in points of error, more than 0 and less than 100, 1 by default.")
    for name in request.overrides:
        if NOT_OF_A_STUDY.fullmatch(name):
            raise BadRecipe(
                f"{name} cannot be set in a study; use --seeds, --budget and --layout-of-folders, which apply to all its runs together."
            )
    seconds_of(request.budget)
    with_overrides(Recipe(name="study", data=data, model=COMMON_NETWORK), request.overrides)  # checks names and values
    return request


def save_study_request(request: StudyRequest, path: Path) -> None:
    """Write the request to a file, atomically."""
    write_atomically(path, json.dumps(asdict(request), ensure_ascii=False, indent=1) + "\n")


def load_study_request(path: Path) -> StudyRequest | None:
    """The request of the study whose file this is; None if there is no file. Raises BadRun if it is damaged."""
    if not path.exists():
        return None
    saved = read_record(path, StudyRequest, "choose another --out.")
    try:
        request = study_request(
            saved.data,
            claims=saved.claims,
            seeds=saved.seeds,
            margin=saved.margin,
            budget=saved.budget,
            overrides=saved.overrides,
            layout_of_folders=saved.layout_of_folders,
        )
    except AlexNetError as error:
        raise BadRun(f"{path} is damaged: {error} Choose another --out.") from None
    return replace(request, auto=saved.auto, scale=saved.scale, plan=saved.plan)


def extended(saved: StudyRequest, request: StudyRequest, arguments: Mapping[str, Any], path: Path) -> StudyRequest:
    """The saved study with the claims and seeds of the new request added, and its budget; raises BadRun if any other argument differs.

    arguments: those of the command, None for the omitted ones. A study that has not been planned yet takes all of them.
    """
    if request.data != saved.data:
        raise BadRun(f"{path} holds a study of {saved.data}, not of {request.data}; choose another --out.")
    if request.layout_of_folders != saved.layout_of_folders:
        raise BadRun(
            f"{path} holds a study with --layout-of-folders {saved.layout_of_folders or 'not set'}; set the same, or choose another --out."
        )
    if saved.scale is None:
        return _unplanned(saved, request, arguments)
    if arguments.get("overrides") and dict(request.overrides) != dict(saved.overrides):
        raise BadRun(f"{path} holds a study with other fields ({dict(saved.overrides)}); set the same, or choose another --out.")
    _check_judging(saved, request, arguments, path)
    claims = find_studies(tuple({*saved.claims, *(request.claims if arguments.get("claims") is not None else ())}))
    seeds = max(saved.seeds, request.seeds if arguments.get("seeds") is not None else 0)
    budget = request.budget if saved.auto and arguments.get("budget") is not None else saved.budget
    return replace(saved, claims=tuple(study.claim for study in claims), seeds=seeds, budget=budget)


def _unplanned(saved: StudyRequest, request: StudyRequest, arguments: Mapping[str, Any]) -> StudyRequest:
    """The saved study, of which nothing has run yet, with everything that the new request sets."""
    fields: dict[str, Any] = {name: getattr(request, name) for name, value in arguments.items() if value}
    return replace(saved, **fields | ({"auto": request.auto} if arguments.get("seeds") else {}))


def _check_judging(saved: StudyRequest, request: StudyRequest, arguments: Mapping[str, Any], path: Path) -> None:
    """Raise BadRun if the verdicts would no longer mean what they meant when the study began."""
    if arguments.get("margin") is not None and request.margin != saved.margin:
        raise BadRun(
            f"{path} holds a study with --margin {saved.margin:g}, not {request.margin:g}; a margin chosen after the results are known "
            "proves nothing. Leave it out, or choose another --out."
        )
    if arguments.get("seeds") == AUTO and not saved.auto:
        raise BadRun(
            f"{path} holds a study with {saved.seeds} seeds, whose intervals do not allow for looking after each further seed. "
            f"Set a number, such as --seeds {saved.seeds + 3}, or choose another --out."
        )


class StudyFolder:
    """A study's folder: its request, the split of each seed, a folder for each run, the result and its page."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.request = path / "study.json"
        self.runs = path / "runs"  # one folder per run, named by the digest of its recipe
        self.result = path / "result.json"  # what `alexnet study --json` prints
        self.report = path / "report.html"

    def splits_of(self, seed: int) -> Path:
        """The split that all runs of a seed share."""
        return self.path / f"splits-{seed}.json"
