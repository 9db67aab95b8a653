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
from alexnet.data.dataset import Dataset
from alexnet.data.open import open_dataset
from alexnet.errors import BadRun, Interrupted
from alexnet.runs.arguments import as_duration, check_kinds
from alexnet.runs.environment import environment
from alexnet.runs.workers import require_one_process
from alexnet.runtime.device import choose_device
from alexnet.runtime.events import Listener, log_messages, silent
from alexnet.runtime.main_guard import refuse_in_import
from alexnet.storage.files import free_folder, write_atomically


def compare(
    data: str | Path,
    *,
    models: str | Sequence[str] | None = None,
    fractions: str | Sequence[float] | None = None,
    seeds: int | None = None,
    budget: str | float | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    device: str = "auto",
    listen: Listener = log_messages,
    should_stop: Callable[[], bool] = lambda: False,
) -> Comparison:
    """Train every system on every share of the training images with every seed, and recommend one.

    The arguments are those of the command line. If the folder `out` holds the same comparison, it is resumed: finished cells are not run
    again, omitted arguments are taken from it, and arguments that differ raise BadRun. A cell that raises an AlexNetError records the
    message, and the other cells still run; if every cell fails, BadRun is raised.
    """
    refuse_in_import()
    check_kinds(models=models, fractions=fractions, seeds=seeds, budget=budget, out=out, workers=workers)
    arguments = {"models": models, "fractions": fractions, "seeds": seeds, "budget": as_duration(budget)}
    return compare_with(Trainers(), data, arguments, out=out, workers=workers, device=device, listen=listen, should_stop=should_stop)


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
    """`compare` with the given trainers. arguments: models, fractions, seeds and budget, each of which may be None."""
    require_one_process("compare")
    dataset = open_dataset(data)
    choose_device(device)
    folder = ComparisonFolder(Path(out) if out is not None else free_folder(Path("runs"), f"{dataset.name}-compare"))
    request = _start(folder, str(data), dataset, arguments)
    state = ComparisonState(
        folder=folder,
        request=request,
        dataset=dataset,
        device=device,
        workers=workers,
        listen=listen,
        should_stop=should_stop,
        trainers=trainers,
    )
    try:
        run_cells(state)
        return _finish(state)
    except (KeyboardInterrupt, Interrupted) as stop:
        stop.__notes__ = [f"Resume with: {_resume_command(state)}"]  # instead of the note of the interrupted run
        raise


def _start(folder: ComparisonFolder, data: str, dataset: Dataset, arguments: Mapping[str, Any]) -> ComparisonRequest:
    """The saved request of the comparison to resume, or a new one, which is saved."""
    explicit = {name: value for name, value in arguments.items() if value is not None}
    saved = load_comparison_request(folder.request)
    defaults = {name: getattr(saved, name) for name in arguments} if saved is not None else {}
    request = comparison_request(data, dataset.native_side(), **defaults | explicit)
    if saved is None:
        _check_free(folder.path)
        try:
            folder.cells.mkdir(parents=True, exist_ok=True)
            save_comparison_request(request, folder.request)
        except OSError as error:
            raise BadRun(f"{folder.path} cannot be written ({error.strerror}); choose another --out.") from None
        return request
    different = differences(saved, request)
    if different:
        lines = "\n  ".join(different)
        raise BadRun(
            f"{folder.path} holds another comparison (then / now):\n  {lines}\nRepeat the same arguments, or choose another --out."
        )
    return saved


def _check_free(path: Path) -> None:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise BadRun(f"{path} exists and is not a comparison; choose another --out.")


def _resume_command(state: ComparisonState) -> str:
    """The command that resumes this comparison."""
    return shlex.join(["alexnet", "compare", state.request.data, "--out", str(state.folder.path)])


def _repeat_command(state: ComparisonState) -> str:
    """The command that repeats the comparison in a new folder."""
    request = state.request
    options = {"--models": ",".join(request.models), "--fractions": ",".join(f"{one:g}" for one in request.fractions)}
    options |= {"--seeds": str(request.seeds)} | ({"--budget": request.budget} if request.budget is not None else {})
    parts = [part for option in options.items() for part in option]
    return shlex.join(["alexnet", "compare", request.data, *parts, "--out", f"{state.folder.path}-again"])


def _finish(state: ComparisonState) -> Comparison:
    cells = [state.results[cell] for cell in state.request.cells()]
    done = [cell for cell in cells if cell.error is None]
    if not done:
        reasons = "\n  ".join(dict.fromkeys(f"{cell.model}: {cell.error}" for cell in cells))
        raise BadRun(f"None of the {len(cells)} cells has a result. Their errors:\n  {reasons}")
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
        environment=environment(choose_device(state.device), "auto"),
    )
    write_comparison(comparison, state.folder.report)
    write_atomically(state.folder.result, json.dumps(relocated(comparison, Path()).to_json(), ensure_ascii=False, allow_nan=False))
    return comparison
