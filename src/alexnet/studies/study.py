"""`alexnet study`: the request, the plan, the runs, the result. Independent of the page's layout and of the statistics."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alexnet.data.curation.splits import check_classes, read_split_names
from alexnet.data.dataset import Dataset
from alexnet.data.labels_file import with_labels
from alexnet.data.open import open_dataset
from alexnet.errors import CannotWrite, Interrupted
from alexnet.i18n.translate import Lang, language_of
from alexnet.recipes.toml import fields_of
from alexnet.runs.arguments import as_duration, check_kinds
from alexnet.runs.environment import environment
from alexnet.runs.prepare import tell_remarks
from alexnet.runs.workers import require_one_process
from alexnet.runtime.device import choose_device
from alexnet.runtime.events import Listener, log_messages
from alexnet.runtime.machine import available_cpus
from alexnet.runtime.main_guard import refuse_in_import
from alexnet.runtime.ray_pool import import_ray
from alexnet.storage.files import free_folder, write_atomically, writing
from alexnet.storage.ownership import check_vacant, owned
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
    layout_of_folders: str | None = None,
    labels: str | Path | None = None,
    on: str = "local",
    processes: int | None = None,
    device: str = "auto",
    overrides: Mapping[str, Any] | None = None,
    lang: Lang = "en",
    listen: Listener = log_messages,
    should_stop: Callable[[], bool] = lambda: False,
) -> StudyReport:
    """Measure the lecture's claims on these images: every arm with every seed, and a verdict for each claim.

    The arguments are those of the command line; `overrides` change the recipe that all arms share. If the folder `out` holds a study, it
    is resumed: finished runs are not repeated, and new claims and seeds are added. Raises BadRecipe, BadRun, BudgetTooSmall or BadDataset
    before anything runs; a run that raises an AlexNetError is reported with its message, and the others continue.
    """
    refuse_in_import()
    check_kinds(claims=claims, seeds=seeds, budget=budget, out=out, on=on, processes=processes, overrides=overrides)
    lang, duration = language_of(lang), as_duration(budget)
    require_one_process("study")
    if on == "ray":
        import_ray()
    data, layout = with_labels(data, labels), _layout(out, layout_of_folders)
    dataset = open_dataset(data, layout_of_folders=layout)
    names = claims if claims is None or isinstance(claims, str) else tuple(claims)
    request = study_request(str(data), claims=names, seeds=seeds, budget=duration, overrides=overrides, on=on, layout_of_folders=layout)
    common_recipe(str(data), dataset, scales(dataset, len(dataset.items))[-1], request.fields)  # finds images that are too small
    chosen = choose_device(device)
    folder = StudyFolder(Path(out) if out is not None else free_folder(Path("runs"), dataset.name, "study"))
    arguments = {"claims": claims, "seeds": seeds, "budget": duration, "overrides": overrides}
    _request(folder, request, arguments)  # finds the user's mistakes before anything is written
    with owned(folder.path):
        state = StudyState(
            folder=folder,
            request=_start(folder, request, arguments, dataset),
            dataset=dataset,
            device=str(chosen),
            processes=processes or (1 if chosen.type == "cuda" else available_cpus()),
            on_ray=on == "ray",
            listen=listen,
            should_stop=should_stop,
        )
        return _run(state, lang)


def _layout(out: str | Path | None, requested: str | None) -> str | None:
    """The layout of folders that is requested, or that of the study to resume."""
    saved = load_study_request(StudyFolder(Path(out)).request) if out is not None and requested is None else None
    return saved.layout_of_folders if saved is not None else requested


def _run(state: StudyState, lang: Lang) -> StudyReport:
    tell_remarks(state.dataset, state.listen)
    try:
        make_splits_of_seeds(state)
        state.request = planned(state)
        save_study_request(state.request, state.folder.request)
        arms = _arms(state)
        return _finish(state, arms, run_all(state, arms), lang)
    except (KeyboardInterrupt, Interrupted, CannotWrite) as stop:
        stop.add_note(f"Resume with: {shlex.join(['alexnet', 'study', state.request.data, '--out', str(state.folder.path)])}")
        raise


def _request(folder: StudyFolder, request: StudyRequest, arguments: Mapping[str, Any]) -> StudyRequest:
    """The request, or that of the study in the folder, extended by it; raises BadRun if something else is in the folder."""
    saved = load_study_request(folder.request)
    if saved is not None:
        return extended(saved, request, arguments, folder.path)
    check_vacant(folder.path, "a study")
    return request


def _start(folder: StudyFolder, request: StudyRequest, arguments: Mapping[str, Any], dataset: Dataset) -> StudyRequest:
    """The request of a new study, saved, or of the one to resume; raises BadDataset if the classes have changed since that began."""
    request = _request(folder, request, arguments)
    for seed in range(request.seeds):
        if folder.splits_of(seed).exists():
            check_classes(dataset, folder.splits_of(seed))
    if not folder.request.exists():
        save_study_request(request, folder.request)  # first: the folder is a study from here on
        with writing(folder.runs):
            folder.runs.mkdir(exist_ok=True)
    return request


def _arms(state: StudyState) -> dict[str, Arms]:
    """The arms of every claim, or why it cannot be studied."""
    assert state.request.scale is not None
    common = common_recipe(state.request.data, state.dataset, state.request.scale, state.request.fields)
    return {claim: resolve(STUDIES[claim], common, state.dataset, seeds=state.request.seeds) for claim in state.request.claims}


def _finish(state: StudyState, arms: Mapping[str, Arms], outcomes: Mapping[str, Outcome], lang: Lang) -> StudyReport:
    """Judge the claims, and write the page and the result."""
    request, folder = state.request, state.folder
    assert request.scale is not None
    common = common_recipe(request.data, state.dataset, request.scale, request.fields)
    same = judging_images(folder, 0) == judging_images(folder, 1)
    report = StudyReport(
        data=request.data,
        dataset=state.dataset.name,
        classes=state.dataset.classes,
        seeds=request.seeds,
        findings=[_finding(claim, one, outcomes, same_images=same) for claim, one in arms.items() if one.reason is None],
        not_applicable={claim: one.reason for claim, one in arms.items() if one.reason is not None},
        scale=asdict(request.scale) | {"size": common.preprocess.image_size},
        command=_command(state),
        run=str(folder.path),
        report=str(folder.report),
        seconds=sum(one.seconds + one.evaluation_seconds + one.overhead_seconds for one in outcomes.values()),
        overhead=_overhead(outcomes),
        n_train=max((one.n_train for one in outcomes.values()), default=0),
        n_judged=max((len(one.wrong) for one in outcomes.values()), default=0),
        recipe=fields_of(common),
        environment=environment(choose_device(state.device), common.training.precision),
    )
    write_study(report, folder.report, lang)
    write_atomically(folder.result, json.dumps(report.to_json(), ensure_ascii=False, allow_nan=False))
    return report


def judging_images(folder: StudyFolder, seed: int) -> list[str]:
    """The names of the images on which the runs of a seed are judged."""
    splits = read_split_names(folder.splits_of(seed))
    return list(splits["test"] or splits["validation"])


def _finding(claim: str, arms: Arms, outcomes: Mapping[str, Outcome], *, same_images: bool) -> Finding:
    by_arm = {name: [one.outcome(outcomes, seed) for seed in range(arms.seeds)] for name, one in arms.arms.items()}
    changes = {name: one.changes for name, one in arms.arms.items()}
    models = {name: one.model for name, one in arms.arms.items()}
    return judge(STUDIES[claim], by_arm, changes, models, same_images=same_images)


def _overhead(outcomes: Mapping[str, Outcome]) -> float:
    """The share of the time of all runs that is neither training nor evaluation."""
    spent = sum(one.overhead_seconds for one in outcomes.values())
    total = spent + sum(one.seconds + one.evaluation_seconds for one in outcomes.values())
    return spent / total if total else 0.0


def _command(state: StudyState) -> str:
    """The command that repeats the study in a new folder."""
    request, scale = state.request, state.request.scale
    assert scale is not None
    own = {name: getattr(scale, part) for name, (part, _) in SETS_THE_SCALE.items()}
    if state.dataset.native_side() < SMALL:
        del own["preprocess.image_size"]
    fields = own | {name: value for name, value in request.overrides.items() if name not in own}
    arguments = ["alexnet", "study", request.data, "--claims", ",".join(request.claims), "--seeds", str(request.seeds)]
    arguments += [part for name, value in fields.items() for part in ("--set", f"{name}={value}")]
    arguments += ["--layout-of-folders", request.layout_of_folders] if request.layout_of_folders else []
    return shlex.join([*arguments, "--out", f"{state.folder.path}-again"])
