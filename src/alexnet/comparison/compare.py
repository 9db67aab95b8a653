"""Every system on the same splits of the same images: the job of `alexnet compare`.

Understands the words, has the cells run, and gathers what follows from them. Knows no model and no page.
"""

import json
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alexnet.comparison.analysis import find
from alexnet.comparison.caveats import remarks_on
from alexnet.comparison.report.page import write_comparison
from alexnet.comparison.request import ComparisonRequest, comparison_request, differences, load_comparison_request, save_comparison_request
from alexnet.comparison.results import Comparison, placed_in
from alexnet.comparison.run_cells import ComparisonFolder, ComparisonState, Trainers, run_cells
from alexnet.data.dataset import Dataset
from alexnet.data.open import open_dataset
from alexnet.errors import BadRun, Interrupted
from alexnet.runs.arguments import as_duration, check_kinds
from alexnet.runs.environment import environment
from alexnet.runs.workers import require_one_process
from alexnet.runtime.device import choose_device
from alexnet.runtime.events import Listener, log_messages, silent
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
    """Train every system on every amount of images with every seed, and say which to use.

    The arguments mean what they mean on the command line. A folder `out` that holds the same comparison is resumed: finished cells are not
    run again, arguments left out are its own, and arguments that differ are refused (BadRun). A cell that fails by a mistake of the user's
    kind keeps its reason, and the others continue; if all fail, that is raised.
    """
    check_kinds(models=models, fractions=fractions, seeds=seeds, budget=budget, out=out, workers=workers)
    asked = {"models": models, "fractions": fractions, "seeds": seeds, "budget": as_duration(budget)}
    return compare_with(Trainers(), data, asked, out=out, workers=workers, device=device, listen=listen, should_stop=should_stop)


def compare_with(
    trainers: Trainers,
    data: str | Path,
    asked: Mapping[str, Any],
    *,
    out: str | Path | None,
    workers: int | None = None,
    device: str = "auto",
    listen: Listener = silent,
    should_stop: Callable[[], bool] = lambda: False,
) -> Comparison:
    """The same with trainers that are handed in; `asked`: models, fractions, seeds and budget, each possibly None."""
    require_one_process("compare")
    dataset = open_dataset(data)
    choose_device(device)
    folder = ComparisonFolder(Path(out) if out is not None else free_folder(Path("runs"), f"{dataset.name}-compare"))
    request = _start(folder, str(data), dataset, asked)
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
        stop.__notes__ = [f"Resume with: {_resume_command(state)}"]  # instead of the cell's own
        raise


def _start(folder: ComparisonFolder, data: str, dataset: Dataset, asked: Mapping[str, Any]) -> ComparisonRequest:
    """The request of a new comparison, written down, or that of the one to resume."""
    said = {name: value for name, value in asked.items() if value is not None}
    kept = load_comparison_request(folder.words)
    own = {name: getattr(kept, name) for name in asked} if kept is not None else {}
    words = comparison_request(data, dataset.native_side(), **own | said)
    if kept is None:
        _check_free(folder.path)
        try:
            folder.cells.mkdir(parents=True, exist_ok=True)
            save_comparison_request(words, folder.words)
        except OSError as error:
            raise BadRun(f"{folder.path} cannot be written ({error.strerror}); choose another --out.") from None
        return words
    different = differences(kept, words)
    if different:
        lines = "\n  ".join(different)
        raise BadRun(f"{folder.path} holds another comparison (then / now):\n  {lines}\nSay the same words, or choose another --out.")
    return kept


def _check_free(path: Path) -> None:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise BadRun(f"{path} exists and is no comparison; choose another --out.")


def _resume_command(state: ComparisonState) -> str:
    """The command that resumes this comparison."""
    return shlex.join(["alexnet", "compare", state.request.data, "--out", str(state.folder.path)])


def _repeat_command(state: ComparisonState) -> str:
    """The command that makes the same comparison again."""
    words = state.request
    options = {"--models": ",".join(words.models), "--fractions": ",".join(f"{one:g}" for one in words.fractions)}
    options |= {"--seeds": str(words.seeds)} | ({"--budget": words.budget} if words.budget is not None else {})
    parts = [part for option in options.items() for part in option]
    return shlex.join(["alexnet", "compare", words.data, *parts, "--out", f"{state.folder.path}-again"])


def _finish(state: ComparisonState) -> Comparison:
    cells = [state.results[cell] for cell in state.request.cells()]
    done = [cell for cell in cells if cell.error is None]
    if not done:
        reasons = "\n  ".join(dict.fromkeys(f"{cell.model}: {cell.error}" for cell in cells))
        raise BadRun(f"None of the {len(cells)} cells has a result:\n  {reasons}")
    found = find(cells, state.answers, len(state.dataset.classes))
    seconds = state.spent_before + time.monotonic() - state.started
    comparison = Comparison(
        words=state.request,
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
        remarks=remarks_on(state.request, cells, found.pairs, state.answers, seconds),
        seconds=seconds,
        environment=environment(choose_device(state.device), "auto"),
    )
    write_comparison(comparison, state.folder.report)
    write_atomically(state.folder.result, json.dumps(placed_in(comparison, Path()).to_json(), ensure_ascii=False, allow_nan=False))
    return comparison
