"""`alexnet study`: the request, the plan, the runs, the result. Independent of the page's layout and of the statistics."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from alexnet.data.curation.splits import check_classes
from alexnet.data.dataset import Dataset
from alexnet.data.labels_file import with_labels
from alexnet.data.open import open_dataset
from alexnet.errors import BadRun, CannotWrite, Interrupted
from alexnet.i18n.translate import Lang, language_of
from alexnet.recipes.toml import fields_of
from alexnet.runs.arguments import as_duration, check_kinds
from alexnet.runs.environment import environment
from alexnet.runs.prepare import tell_remarks
from alexnet.runs.workers import require_one_process
from alexnet.runtime.device import choose_device
from alexnet.runtime.events import Listener
from alexnet.runtime.machine import available_cpus
from alexnet.runtime.main_guard import refuse_in_import
from alexnet.runtime.notebook import show_progress
from alexnet.runtime.ray_pool import import_ray
from alexnet.storage.files import free_folder, write_atomically, writing
from alexnet.storage.ownership import check_vacant, owned
from alexnet.studies.adaptive_seeds import run_until_clear
from alexnet.studies.arms import Arms, common_recipe
from alexnet.studies.findings import RULES, StudyReport
from alexnet.studies.judging import findings_of, judged_before, rules_of
from alexnet.studies.outcome import Outcome
from alexnet.studies.plan import PILOT_EPOCHS, planned
from alexnet.studies.report.page import write_study
from alexnet.studies.request import (
    AUTO,
    DEFAULT_MARGIN,
    PLAN,
    StudyFolder,
    StudyRequest,
    extended,
    load_study_request,
    save_study_request,
    study_request,
)
from alexnet.studies.runner import StudyState, make_splits_of_seeds
from alexnet.studies.scale import SETS_THE_SCALE, SMALL, scales
from alexnet.studies.search import resolved_arms


def study(
    data: str | Path,
    *,
    claims: str | Sequence[str] | None = None,
    seeds: int | Literal["auto"] | None = None,
    margin: float | None = None,
    budget: str | float | None = None,
    out: str | Path | None = None,
    layout_of_folders: str | None = None,
    labels: str | Path | None = None,
    max_unreadable: float | None = None,
    on: str = "local",
    processes: int | None = None,
    device: str = "auto",
    overrides: Mapping[str, Any] | None = None,
    lang: Lang = "en",
    listen: Listener = show_progress,
    should_stop: Callable[[], bool] = lambda: False,
) -> StudyReport:
    """Measure the lecture's claims on these images: every arm with every seed, and a verdict for each claim.

    The arguments are those of the command line; `overrides` and `max_unreadable` change the recipe that all arms share. If the folder `out`
    holds a study, it is resumed: finished runs are not repeated, and new claims and seeds are added; one that an earlier version judged,
    and to which nothing is added, is shown as it was judged then. Raises BadRecipe, BadRun, BudgetTooSmall or BadDataset before anything
    runs; a run that raises an AlexNetError is reported with its message, and the others continue.
    """
    refuse_in_import()
    counted = None if isinstance(seeds, str) else seeds
    check_kinds(claims=claims, seeds=counted, margin=margin, budget=budget, out=out, on=on, processes=processes, overrides=overrides)
    check_kinds(max_unreadable=max_unreadable)
    if max_unreadable is not None:
        overrides = {**(overrides or {}), "max_unreadable": max_unreadable}
    lang, duration = language_of(lang), as_duration(budget)
    require_one_process("study")
    if on == "ray":
        import_ray()
    data, layout = with_labels(data, labels), _layout(out, layout_of_folders)
    dataset = open_dataset(data, layout_of_folders=layout)
    names = claims if claims is None or isinstance(claims, str) else tuple(claims)
    request = study_request(
        str(data), claims=names, seeds=seeds, margin=margin, budget=duration, overrides=overrides, on=on, layout_of_folders=layout
    )
    common_recipe(str(data), dataset, scales(dataset, PILOT_EPOCHS[0])[-1], request.fields)  # finds images that are too small
    chosen = choose_device(device)
    folder = StudyFolder(Path(out) if out is not None else free_folder(Path("runs"), dataset.name, "study"))
    arguments = {"claims": claims, "seeds": seeds, "margin": margin, "budget": duration, "overrides": overrides}
    asked = _request(folder, request, arguments)  # finds the user's mistakes before anything is written
    with owned(folder.path):
        if (former := judged_before(folder, asked)) is not None:
            write_study(former, folder.report, lang)
            return former
        _check_plan(asked, folder.path)
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


def _check_plan(asked: StudyRequest, path: Path) -> None:
    """Raise BadRun for a study that an earlier version planned: its runs cannot be compared with those of today's recipe."""
    if asked.scale is not None and asked.plan < PLAN:
        raise BadRun(
            f"{path} holds a study that an earlier version planned, with another recipe for all arms; further runs could not be compared "
            "with its own. Choose another --out to study these pictures again. `alexnet report` shows the study as it was judged then."
        )


def _layout(out: str | Path | None, requested: str | None) -> str | None:
    """The layout of folders that is requested, or that of the study to resume."""
    saved = load_study_request(StudyFolder(Path(out)).request) if out is not None and requested is None else None
    return saved.layout_of_folders if saved is not None else requested


def _run(state: StudyState, lang: Lang) -> StudyReport:
    tell_remarks(state.dataset, state.listen)
    try:
        make_splits_of_seeds(state, state.request.planned_seeds)
        state.request = planned(state)
        save_study_request(state.request, state.folder.request)
        arms, searched = resolved_arms(state)
        rules = rules_of(state)
        arms, outcomes = run_until_clear(state, arms, lambda arms, outcomes: findings_of(arms, outcomes, rules))
        return _finish(state, arms, searched | outcomes, lang)
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
    for seed in range(request.most_seeds):
        if folder.splits_of(seed).exists():
            check_classes(dataset, folder.splits_of(seed))
    if not folder.request.exists():
        save_study_request(request, folder.request)  # first: the folder is a study from here on
        with writing(folder.runs):
            folder.runs.mkdir(exist_ok=True)
    return request


def _finish(state: StudyState, arms: Mapping[str, Arms], outcomes: Mapping[str, Outcome], lang: Lang) -> StudyReport:
    """Judge the claims, and write the page and the result."""
    request, folder = state.request, state.folder
    assert request.scale is not None
    common = common_recipe(request.data, state.dataset, request.scale, request.fields)
    report = StudyReport(
        data=request.data,
        dataset=state.dataset.name,
        classes=state.dataset.classes,
        seeds=max((len(arm.recipes) for one in arms.values() for arm in one.arms.values()), default=request.seeds),
        auto=request.auto,
        margin=request.margin / 100,
        rules=RULES,
        findings=findings_of(arms, outcomes, rules_of(state)),
        not_applicable={claim: one.reason for claim, one in arms.items() if one.reason is not None},
        scale={name: value for name, value in asdict(request.scale).items() if name != "extent"} | {"size": common.preprocess.image_size},
        extent=request.scale.extent,
        command=_command(state),
        run=str(folder.path),
        report=str(folder.report),
        seconds=sum(one.seconds + one.evaluation_seconds + one.overhead_seconds for one in outcomes.values()),
        overhead=_overhead(outcomes),
        n_train=max((one.n_train for one in outcomes.values()), default=0),
        n_judged=max((len(one.wrong) for one in outcomes.values()), default=0),
        recipe=fields_of(common),
        environment=environment(choose_device(state.device), common.training.precision, state.dataset),
    )
    write_study(report, folder.report, lang)
    write_atomically(folder.result, json.dumps(report.to_json(), ensure_ascii=False, allow_nan=False))
    return report


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
    arguments = ["alexnet", "study", request.data, "--claims", ",".join(request.claims)]
    arguments += ["--seeds", AUTO if request.auto else str(request.seeds), "--budget", request.budget]
    arguments += ["--margin", f"{request.margin:g}"] if request.margin != DEFAULT_MARGIN else []
    arguments += [part for name, value in fields.items() for part in ("--set", f"{name}={value}")]
    arguments += ["--layout-of-folders", request.layout_of_folders] if request.layout_of_folders else []
    return shlex.join([*arguments, "--out", f"{state.folder.path}-again"])
