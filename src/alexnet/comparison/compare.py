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
from alexnet.comparison.run_cells import ComparisonFolder, ComparisonState, FrozenCell, RunCell, run_cells
from alexnet.data.dataset import Dataset
from alexnet.data.open import open_dataset
from alexnet.errors import BadRun, Interrupted
from alexnet.runs.environment import environment
from alexnet.runs.train import train
from alexnet.runs.workers import require_one_process
from alexnet.runtime.device import choose_device
from alexnet.runtime.events import Listener, silent
from alexnet.storage.files import free_folder, write_atomically


def compare(
    data: str | Path,
    *,
    models: str | Sequence[str] | None = None,
    fractions: str | Sequence[float] | None = None,
    seeds: int | None = None,
    budget: str | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    device: str = "auto",
    listen: Listener = silent,
    should_stop: Callable[[], bool] = lambda: False,
    run_cell: RunCell = train,
    fit_linear_probe: FrozenCell | None = None,
) -> Comparison:
    """Train every system on every amount of images with every seed, and say which to take.

    The arguments mean what they mean on the command line. A folder `out` that holds the same comparison is resumed: finished cells are not
    run again, arguments left out are its own, and arguments that differ are refused (BadRun). A cell that fails by a mistake of the user's
    kind keeps its reason, and the others continue; if all fail, that is raised. `run_cell` and `fit_linear_probe` make the cells.
    """
    require_one_process("compare")
    dataset = open_dataset(data)
    choose_device(device)
    asked = {"models": models, "fractions": fractions, "seeds": seeds, "budget": budget}
    folder = ComparisonFolder(Path(out) if out is not None else free_folder(Path("runs"), f"{dataset.name}-compare"))
    words = _start(folder, str(data), dataset, asked)
    work = ComparisonState(folder, words, dataset, device, workers, listen, should_stop, run_cell, fit_linear_probe)
    try:
        run_cells(work)
        return _conclude(work)
    except (KeyboardInterrupt, Interrupted) as stop:
        stop.__notes__ = [f"Go on with: {_go_on(work)}"]  # instead of the cell's own
        raise


def _start(folder: ComparisonFolder, data: str, dataset: Dataset, asked: Mapping[str, Any]) -> ComparisonRequest:
    """The words of a new comparison, written down, or those of the one to go on with."""
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


def _go_on(work: ComparisonState) -> str:
    """The command that goes on with this comparison."""
    return shlex.join(["alexnet", "compare", work.words.data, "--out", str(work.folder.path)])


def _again(work: ComparisonState) -> str:
    """The command that makes the same comparison anew."""
    words = work.words
    options = {"--models": ",".join(words.models), "--fractions": ",".join(f"{one:g}" for one in words.fractions)}
    options |= {"--seeds": str(words.seeds)} | ({"--budget": words.budget} if words.budget is not None else {})
    parts = [part for option in options.items() for part in option]
    return shlex.join(["alexnet", "compare", words.data, *parts, "--out", f"{work.folder.path}-again"])


def _conclude(work: ComparisonState) -> Comparison:
    cells = [work.results[cell] for cell in work.words.cells()]
    done = [cell for cell in cells if cell.error is None]
    if not done:
        reasons = "\n  ".join(dict.fromkeys(f"{cell.model}: {cell.error}" for cell in cells))
        raise BadRun(f"None of the {len(cells)} cells has a result:\n  {reasons}")
    found = find(cells, work.answers, len(work.dataset.classes))
    seconds = work.spent_before + time.monotonic() - work.started
    comparison = Comparison(
        words=work.words,
        dataset=work.dataset.name,
        classes=len(work.dataset.classes),
        run=str(work.folder.path),
        report=str(work.folder.report),
        command=_again(work),
        split="test" if all(cell.test_error is not None for cell in done) else "validation",
        cells=cells,
        systems=found.systems,
        pairs=found.pairs,
        crossings=found.crossings,
        arms=found.arms,
        choice=found.choice,
        remarks=remarks_on(work.words, cells, found.pairs, work.answers, seconds),
        seconds=seconds,
        environment=environment(choose_device(work.device)),
    )
    write_comparison(comparison, work.folder.report)
    write_atomically(work.folder.result, json.dumps(placed_in(comparison, Path()).to_json(), ensure_ascii=False, allow_nan=False))
    return comparison
