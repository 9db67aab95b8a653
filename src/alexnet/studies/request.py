"""What a study was asked for, as words that are written down; all mistakes in them are found here. Runs nothing."""

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
NOT_OF_A_STUDY = re.compile(r"(training\.budget[_-]seconds|seed)")


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyRequest:
    """Two requests that differ in claims or seeds alone are one study, extended. scale: None until it has been planned."""

    data: str
    claims: tuple[str, ...]
    seeds: int = DEFAULT_SEEDS
    budget: str = DEFAULT_BUDGET
    overrides: Mapping[str, Any] = field(default_factory=dict)  # of the common recipe, the user's own
    scale: Scale | None = None

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
) -> StudyRequest:
    """The request in the user's words, checked; what is None has its default. Raises BadRecipe with what to say instead."""
    if on not in get_args(Where):
        raise BadRecipe(f"--on is '{on}'; it can be {' or '.join(get_args(Where))}. {did_you_mean(on, get_args(Where))}")
    asked = StudyRequest(
        data=data,
        claims=tuple(study.claim for study in find_studies(claims)),
        seeds=DEFAULT_SEEDS if seeds is None else seeds,
        budget=DEFAULT_BUDGET if budget is None else budget,
        overrides={name.replace("-", "_"): value for name, value in (overrides or {}).items()},
    )
    if not 2 <= asked.seeds < MOST_SEEDS:
        raise BadRecipe(f"--seeds is {asked.seeds}; a study compares paired runs and needs 2 seeds or more, 3 by default.")
    for name in asked.overrides:
        if NOT_OF_A_STUDY.fullmatch(name):
            raise BadRecipe(f"{name} cannot be set in a study: it has --seeds and --budget for all its runs together.")
    seconds_of(asked.budget)
    with_overrides(Recipe(name="study", data=data, model=COMMON_NETWORK), asked.overrides)  # names and values, before anything runs
    return asked


def save_study_request(request: StudyRequest, path: Path) -> None:
    """Write it down, whole."""
    write_atomically(path, json.dumps(asdict(request), ensure_ascii=False, indent=1) + "\n")


def load_study_request(path: Path) -> StudyRequest | None:
    """The request of a study that was begun there; None where there is none. Raises BadRun when the file is damaged."""
    if not path.exists():
        return None
    saved = read_record(path, StudyRequest, "choose another --out.")
    try:
        asked = study_request(saved.data, claims=saved.claims, seeds=saved.seeds, budget=saved.budget, overrides=saved.overrides)
    except AlexNetError as error:
        raise BadRun(f"{path} is damaged: {error} Choose another --out.") from None
    return replace(asked, scale=saved.scale)


def extended(kept: StudyRequest, asked: StudyRequest, said: Mapping[str, Any], path: Path) -> StudyRequest:
    """The kept study with the claims and the seeds asked for now added; raises BadRun where anything else that was said differs.

    said: the words of now, None where nothing was said. A study that has no plan yet takes all of them.
    """
    if asked.data != kept.data:
        raise BadRun(f"{path} holds a study of {kept.data}, not of {asked.data}; choose another --out.")
    if kept.scale is None:
        return replace(kept, **{name: getattr(asked, name) for name, value in said.items() if value})
    if said.get("overrides") and dict(asked.overrides) != dict(kept.overrides):
        raise BadRun(f"{path} holds a study with other fields ({dict(kept.overrides)}); say the same, or choose another --out.")
    claims = find_studies(tuple({*kept.claims, *(asked.claims if said.get("claims") is not None else ())}))
    seeds = max(kept.seeds, asked.seeds if said.get("seeds") is not None else 0)
    return replace(kept, claims=tuple(study.claim for study in claims), seeds=seeds)


class StudyFolder:
    """A study's folder: what it was asked for, the split of each seed, a folder for each run, and what came of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.request = path / "study.json"
        self.runs = path / "runs"  # named by the digests of their recipes
        self.result = path / "result.json"  # what `alexnet study --json` prints
        self.report = path / "report.html"

    def splits_of(self, seed: int) -> Path:
        """The split that all runs of a seed share."""
        return self.path / f"splits-{seed}.json"
