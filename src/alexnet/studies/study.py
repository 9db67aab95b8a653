"""The job of `alexnet study`: the words, the plan, the runs, what follows from them. Knows no page and no arithmetic of intervals."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alexnet.data.curation.splits import read_split_names
from alexnet.data.open import open_dataset
from alexnet.errors import BadRun, Interrupted
from alexnet.i18n.translate import Lang, language_of
from alexnet.recipes.toml import fields_of
from alexnet.runs.arguments import as_duration, check_kinds
from alexnet.runs.environment import environment
from alexnet.runs.workers import require_one_process
from alexnet.runtime.device import choose_device
from alexnet.runtime.events import Listener, log_messages
from alexnet.runtime.machine import available_cpus
from alexnet.storage.files import free_folder, write_atomically
from alexnet.studies.arms import SETS_THE_SCALE, SMALL, Arms, common_recipe, resolve
from alexnet.studies.findings import Finding, StudyReport
from alexnet.studies.judge import judge
from alexnet.studies.outcome import Outcome
from alexnet.studies.registry import STUDIES
from alexnet.studies.report.page import write_study
from alexnet.studies.request import StudyFolder, StudyRequest, extended, load_study_request, save_study_request, study_request
from alexnet.studies.runner import StudyState, make_splits_of_seeds, planned, run_all
from alexnet.studies.scale import scales


def study(
    data: str | Path,
    *,
    claims: str | Sequence[str] | None = None,
    seeds: int | None = None,
    budget: str | float | None = None,
    out: str | Path | None = None,
    on: str = "local",
    processes: int | None = None,
    device: str = "auto",
    overrides: Mapping[str, Any] | None = None,
    lang: Lang = "en",
    listen: Listener = log_messages,
    should_stop: Callable[[], bool] = lambda: False,
) -> StudyReport:
    """Measure the lecture's claims on these images: every arm with every seed, and a verdict for each claim.

    The arguments mean what they mean on the command line; `overrides` change the recipe that all arms share. A folder `out` that holds a
    study is resumed: finished runs are kept, and more claims or seeds are added. Raises BadRecipe, BadRun, BudgetTooSmall or BadDataset
    before anything runs; a run that fails by a mistake of the user's kind is reported, and the others continue.
    """
    check_kinds(claims=claims, seeds=seeds, budget=budget, out=out, on=on, processes=processes, overrides=overrides)
    lang, duration = language_of(lang), as_duration(budget)
    require_one_process("study")
    dataset = open_dataset(data)
    named = claims if claims is None or isinstance(claims, str) else tuple(claims)
    asked = study_request(str(data), claims=named, seeds=seeds, budget=duration, overrides=overrides, on=on)
    common_recipe(str(data), dataset, scales(dataset, len(dataset.items))[-1], asked.overrides)  # images too small, fields that do not fit
    chosen = choose_device(device)
    folder = StudyFolder(Path(out) if out is not None else free_folder(Path("runs"), f"{dataset.name}-study"))
    course = StudyState(
        folder=folder,
        request=_start(folder, asked, {"claims": claims, "seeds": seeds, "budget": duration, "overrides": overrides}),
        dataset=dataset,
        device=str(chosen),
        processes=processes or (1 if chosen.type == "cuda" else available_cpus()),
        on_ray=on == "ray",
        listen=listen,
        should_stop=should_stop,
    )
    return _studied(course, lang)


def _studied(course: StudyState, lang: Lang) -> StudyReport:
    try:
        make_splits_of_seeds(course)
        course.request = planned(course)
        save_study_request(course.request, course.folder.request)
        arms = _arms(course)
        return _conclude(course, arms, run_all(course, arms), lang)
    except (KeyboardInterrupt, Interrupted) as stop:
        stop.add_note(f"Resume with: {shlex.join(['alexnet', 'study', course.request.data, '--out', str(course.folder.path)])}")
        raise


def _start(folder: StudyFolder, asked: StudyRequest, said: Mapping[str, Any]) -> StudyRequest:
    """The request of a new study, its folder made, or that of the study in the folder with what is asked for besides."""
    kept = load_study_request(folder.request)
    if kept is not None:
        return extended(kept, asked, said, folder.path)
    if folder.path.exists() and (not folder.path.is_dir() or any(folder.path.iterdir())):
        raise BadRun(f"{folder.path} exists and is no study; choose another --out.")
    try:
        folder.runs.mkdir(parents=True)
        save_study_request(asked, folder.request)
    except OSError as error:
        raise BadRun(f"{folder.path} cannot be written ({error.strerror}); choose another --out.") from None
    return asked


def _arms(course: StudyState) -> dict[str, Arms]:
    """Every claim's arms as recipes, or why there are none."""
    assert course.request.scale is not None
    common = common_recipe(course.request.data, course.dataset, course.request.scale, course.request.overrides)
    return {claim: resolve(STUDIES[claim], common, course.dataset, seeds=course.request.seeds) for claim in course.request.claims}


def _conclude(course: StudyState, arms: Mapping[str, Arms], outcomes: Mapping[str, Outcome], lang: Lang) -> StudyReport:
    """Verdicts, the page and the result."""
    request, folder = course.request, course.folder
    assert request.scale is not None
    common = common_recipe(request.data, course.dataset, request.scale, request.overrides)
    same = judging_images(folder, 0) == judging_images(folder, 1)
    report = StudyReport(
        data=request.data,
        dataset=course.dataset.name,
        classes=course.dataset.classes,
        seeds=request.seeds,
        findings=[_finding(claim, one, outcomes, same_images=same) for claim, one in arms.items() if one.reason is None],
        not_applicable={claim: one.reason for claim, one in arms.items() if one.reason is not None},
        scale=asdict(request.scale) | {"size": common.preprocess.image_size},
        command=_command(course),
        run=str(folder.path),
        report=str(folder.report),
        seconds=sum(one.seconds + one.evaluation_seconds + one.overhead_seconds for one in outcomes.values()),
        overhead=_overhead(outcomes),
        n_train=max((one.n_train for one in outcomes.values()), default=0),
        n_judged=max((len(one.wrong) for one in outcomes.values()), default=0),
        recipe=fields_of(common),
        environment=environment(choose_device(course.device), common.training.precision),
    )
    write_study(report, folder.report, lang)
    write_atomically(folder.result, json.dumps(report.to_json(), ensure_ascii=False, allow_nan=False))
    return report


def judging_images(folder: StudyFolder, seed: int) -> list[str]:
    """The names of the images that judge the runs of a seed."""
    splits = read_split_names(folder.splits_of(seed))
    return list(splits["test"] or splits["validation"])


def _finding(claim: str, arms: Arms, outcomes: Mapping[str, Outcome], *, same_images: bool) -> Finding:
    gathered = {name: [one.outcome(outcomes, seed) for seed in range(arms.seeds)] for name, one in arms.arms.items()}
    changes = {name: one.changes for name, one in arms.arms.items()}
    models = {name: one.model for name, one in arms.arms.items()}
    return judge(STUDIES[claim], gathered, changes, models, same_images=same_images)


def _overhead(outcomes: Mapping[str, Outcome]) -> float:
    """The machinery's share of the time of all runs: all but training and looking at images."""
    spent = sum(one.overhead_seconds for one in outcomes.values())
    total = spent + sum(one.seconds + one.evaluation_seconds for one in outcomes.values())
    return spent / total if total else 0.0


def _command(course: StudyState) -> str:
    """The command that makes the same study anew."""
    request, scale = course.request, course.request.scale
    assert scale is not None
    own = {name: getattr(scale, part) for name, (part, _) in SETS_THE_SCALE.items()}
    if course.dataset.native_side() < SMALL:
        del own["preprocess.image_size"]
    fields = own | {name: value for name, value in request.overrides.items() if name not in own}
    words = ["alexnet", "study", request.data, "--claims", ",".join(request.claims), "--seeds", str(request.seeds)]
    words += [part for name, value in fields.items() for part in ("--set", f"{name}={value}")]
    return shlex.join([*words, "--out", f"{course.folder.path}-again"])
