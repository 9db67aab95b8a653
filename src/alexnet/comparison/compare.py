"""`alexnet compare`: train every system on the same splits of the same images and recommend one.

Resolves the request, runs the cells and computes the result. Independent of the models and of the page's layout.
"""

import json
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alexnet.comparison.analysis import analyse
from alexnet.comparison.caveats import remarks_on
from alexnet.comparison.report.page import write_comparison
from alexnet.comparison.request import ComparisonRequest, comparison_request, differences, load_comparison_request, save_comparison_request
from alexnet.comparison.results import Comparison, relocated
from alexnet.comparison.run_cells import ComparisonFolder, ComparisonState, Trainers, run_cells
from alexnet.data.curation.splits import check_classes
from alexnet.data.dataset import Dataset
from alexnet.data.labels_file import with_labels
from alexnet.data.open import open_dataset
from alexnet.errors import BadRun, CannotWrite, Interrupted
from alexnet.runs.arguments import as_duration, check_kinds
from alexnet.runs.environment import environment
from alexnet.runs.prepare import tell_remarks
from alexnet.runs.workers import require_one_process
from alexnet.runtime.device import choose_device
from alexnet.runtime.events import Listener, silent
from alexnet.runtime.main_guard import refuse_in_import
from alexnet.runtime.notebook import show_progress
from alexnet.storage.files import free_folder, write_atomically, writing
from alexnet.storage.ownership import check_vacant, owned


def compare(
    data: str | Path,
    *,
    models: str | Sequence[str] | None = None,
    fractions: str | Sequence[float] | None = None,
    seeds: int | None = None,
    budget: str | float | None = None,
    out: str | Path | None = None,
    layout_of_folders: str | None = None,
    labels: str | Path | None = None,
    max_unreadable: float | None = None,
    workers: int | None = None,
    device: str = "auto",
    listen: Listener = show_progress,
    should_stop: Callable[[], bool] = lambda: False,
) -> Comparison:
    """Train every system on every share of the training images with every seed, and recommend one.

    The arguments are those of the command line. If the folder `out` holds the same comparison, it is resumed: finished cells are not run
    again, omitted arguments are taken from it, and arguments that differ raise BadRun. A cell that raises an AlexNetError records the
    message, and the other cells still run; if every cell fails, BadRun is raised.
    """
    refuse_in_import()
    check_kinds(models=models, fractions=fractions, seeds=seeds, budget=budget, out=out, workers=workers, max_unreadable=max_unreadable)
    arguments: dict[str, Any] = {"models": models, "fractions": fractions, "seeds": seeds, "budget": as_duration(budget)}
    arguments |= {"layout_of_folders": layout_of_folders, "max_unreadable": max_unreadable}
    return compare_with(
        Trainers(), with_labels(data, labels), arguments, out=out, workers=workers, device=device, listen=listen, should_stop=should_stop
    )


def compare_with(
    trainers: Trainers,
    data: str | Path,
    arguments: Mapping[str, Any],
    *,
    out: str | Path | None,
    workers: int | None = None,
    device: str = "auto",
    listen: Listener = silent,
    should_stop: Callable[[], bool] = lambda: False,
) -> Comparison:
    """`compare` with the given trainers.

    arguments: models, fractions, seeds, budget, layout_of_folders and max_unreadable, each of which may be None.
    """
    require_one_process("compare")
    dataset = open_dataset(data, layout_of_folders=_layout(out, arguments.get("layout_of_folders")))
    choose_device(device)
    folder = ComparisonFolder(Path(out) if out is not None else free_folder(Path("runs"), dataset.name, "compare"))
    _request(folder, str(data), dataset, arguments)  # finds the user's mistakes before anything is written
    with owned(folder.path):
        state = ComparisonState(
            folder=folder,
            request=_start(folder, str(data), dataset, arguments),
            dataset=dataset,
            device=device,
            workers=workers,
            listen=listen,
            should_stop=should_stop,
            trainers=trainers,
        )
        tell_remarks(dataset, listen)
        return _run(state)


def _run(state: ComparisonState) -> Comparison:
    try:
        run_cells(state)
        return _finish(state)
    except (KeyboardInterrupt, Interrupted, CannotWrite) as stop:
        stop.__notes__ = [f"Resume with: {_resume_command(state)}"]  # instead of the note of the interrupted run
        raise


def _request(folder: ComparisonFolder, data: str, dataset: Dataset, arguments: Mapping[str, Any]) -> ComparisonRequest:
    """The saved request of the comparison to resume, or a new one; raises BadRun if something else is in the folder."""
    explicit = {name: value for name, value in arguments.items() if value is not None}
    saved = load_comparison_request(folder.request)
    if saved is None:
        check_vacant(folder.path, "a comparison")
    defaults = {name: getattr(saved, name) for name in arguments} if saved is not None else {}
    request = comparison_request(data, dataset.native_side(), **defaults | explicit)
    different = differences(saved, request) if saved is not None else []
    if different:
        lines = "\n  ".join(different)
        raise BadRun(
            f"{folder.path} holds another comparison (then / now):\n  {lines}\nRepeat the same arguments, or choose another --out."
        )
    return saved or request


def _start(folder: ComparisonFolder, data: str, dataset: Dataset, arguments: Mapping[str, Any]) -> ComparisonRequest:
    """The request, saved in a new folder; raises BadDataset if the classes have changed since the comparison began."""
    request = _request(folder, data, dataset, arguments)
    for seed in range(request.seeds):
        if folder.splits_of(seed).exists():
            check_classes(dataset, folder.splits_of(seed))
    if not folder.request.exists():
        save_comparison_request(request, folder.request)  # first: the folder is a comparison from here on
        with writing(folder.cells):
            folder.cells.mkdir(exist_ok=True)
    return request


def _layout(out: str | Path | None, requested: str | None) -> str | None:
    """The layout of folders that is requested, or that of the comparison to resume."""
    saved = load_comparison_request(ComparisonFolder(Path(out)).request) if out is not None and requested is None else None
    return saved.layout_of_folders if saved is not None else requested


def _resume_command(state: ComparisonState) -> str:
    """The command that resumes this comparison."""
    return shlex.join(["alexnet", "compare", state.request.data, "--out", str(state.folder.path)])


def _repeat_command(state: ComparisonState) -> str:
    """The command that repeats the comparison in a new folder."""
    request = state.request
    options = {"--models": ",".join(request.models), "--fractions": ",".join(f"{one:g}" for one in request.fractions)}
    options |= {"--seeds": str(request.seeds)} | ({"--budget": request.budget} if request.budget is not None else {})
    options |= {"--layout-of-folders": request.layout_of_folders} if request.layout_of_folders is not None else {}
    options |= {"--max-unreadable": f"{request.max_unreadable:g}"} if request.max_unreadable is not None else {}
    parts = [part for option in options.items() for part in option]
    return shlex.join(["alexnet", "compare", request.data, *parts, "--out", f"{state.folder.path}-again"])


def _finish(state: ComparisonState) -> Comparison:
    cells = [state.results[cell] for cell in state.request.cells()]
    done = [cell for cell in cells if cell.error is None]
    if not done:
        reasons = "\n  ".join(dict.fromkeys(f"{cell.model}: {cell.error}" for cell in cells))
        raise BadRun(f"None of the {len(cells)} parts of the comparison has a result. Their errors:\n  {reasons}")
    found = analyse(cells, state.wrong, len(state.dataset.classes))
    seconds = state.spent_before + time.monotonic() - state.started
    comparison = Comparison(
        request=state.request,
        dataset=state.dataset.name,
        classes=len(state.dataset.classes),
        run=str(state.folder.path),
        report=str(state.folder.report),
        command=_repeat_command(state),
        split="test" if all(cell.test_error is not None for cell in done) else "validation",
        cells=cells,
        systems=found.systems,
        pairs=found.pairs,
        crossings=found.crossings,
        arms=found.arms,
        choice=found.choice,
        remarks=remarks_on(state.request, cells, found.pairs, state.wrong, seconds),
        seconds=seconds,
        environment=environment(choose_device(state.device), "auto", state.dataset),
    )
    write_comparison(comparison, state.folder.report)
    write_atomically(state.folder.result, json.dumps(relocated(comparison, Path()).to_json(), ensure_ascii=False, allow_nan=False))
    return comparison
