"""The request for a study, validated before anything runs and saved in the study's folder."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from alexnet.errors import AlexNetError, BadRecipe, BadRun, did_you_mean
from alexnet.i18n.units import seconds_of
from alexnet.recipes.overrides import with_overrides
from alexnet.recipes.recipe import MOST_SEEDS, Recipe
from alexnet.storage.files import read_record, write_atomically
from alexnet.studies.arms import COMMON_NETWORK, Scale
from alexnet.studies.registry import find_studies

Where = Literal["local", "ray"]

DEFAULT_SEEDS, DEFAULT_BUDGET = 3, "30m"
NOT_OF_A_STUDY = re.compile(r"(training\.budget[_-]seconds|seed|layout[_-]of[_-]folders)")


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyRequest:
    """What to study. Requests that differ only in claims or seeds belong to the same study. scale: None until it has been planned."""

    data: str
    claims: tuple[str, ...]
    seeds: int = DEFAULT_SEEDS
    budget: str = DEFAULT_BUDGET
    layout_of_folders: str | None = None  # of the data, as the user has chosen it
    overrides: Mapping[str, Any] = field(default_factory=dict)  # fields of the common recipe that the user sets
    scale: Scale | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the common recipe that the user sets, by dotted name."""
        return dict(self.overrides) | ({"layout_of_folders": self.layout_of_folders} if self.layout_of_folders else {})

    @property
    def budget_seconds(self) -> float:
        """The budget in seconds."""
        return seconds_of(self.budget)


def study_request(
    data: str,
    *,
    claims: str | tuple[str, ...] | None = None,
    seeds: int | None = None,
    budget: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    on: str = "local",
    layout_of_folders: str | None = None,
) -> StudyRequest:
    """A validated request; arguments that are None take their defaults. Raises BadRecipe with what to change."""
    if on not in get_args(Where):
        raise BadRecipe(f"--on is '{on}'; it can be {' or '.join(get_args(Where))}. {did_you_mean(on, get_args(Where))}")
    request = StudyRequest(
        data=data,
        claims=tuple(study.claim for study in find_studies(claims)),
        seeds=DEFAULT_SEEDS if seeds is None else seeds,
        budget=DEFAULT_BUDGET if budget is None else budget,
        layout_of_folders=layout_of_folders,
        overrides={name.replace("-", "_"): value for name, value in (overrides or {}).items()},
    )
    if not 2 <= request.seeds < MOST_SEEDS:
        raise BadRecipe(f"--seeds is {request.seeds}; a study compares paired runs and needs 2 seeds or more, 3 by default.")
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
            budget=saved.budget,
            overrides=saved.overrides,
            layout_of_folders=saved.layout_of_folders,
        )
    except AlexNetError as error:
        raise BadRun(f"{path} is damaged: {error} Choose another --out.") from None
    return replace(request, scale=saved.scale)


def extended(saved: StudyRequest, request: StudyRequest, arguments: Mapping[str, Any], path: Path) -> StudyRequest:
    """The saved study with the claims and seeds of the new request added; raises BadRun if any other argument differs.

    arguments: those of the command, None for the omitted ones. A study that has not been planned yet takes all of them.
    """
    if request.data != saved.data:
        raise BadRun(f"{path} holds a study of {saved.data}, not of {request.data}; choose another --out.")
    if request.layout_of_folders != saved.layout_of_folders:
        raise BadRun(
            f"{path} holds a study with --layout-of-folders {saved.layout_of_folders or 'not set'}; set the same, or choose another --out."
        )
    if saved.scale is None:
        return replace(saved, **{name: getattr(request, name) for name, value in arguments.items() if value})
    if arguments.get("overrides") and dict(request.overrides) != dict(saved.overrides):
        raise BadRun(f"{path} holds a study with other fields ({dict(saved.overrides)}); set the same, or choose another --out.")
    claims = find_studies(tuple({*saved.claims, *(request.claims if arguments.get("claims") is not None else ())}))
    seeds = max(saved.seeds, request.seeds if arguments.get("seeds") is not None else 0)
    return replace(saved, claims=tuple(study.claim for study in claims), seeds=seeds)


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
