"""`alexnet train`: the search for the best system if nothing is said about the model, otherwise a run of the one that is asked for."""

import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any, ParamSpec

from alexnet.data.dataset import Dataset
from alexnet.data.labels_file import with_labels
from alexnet.data.open import open_dataset
from alexnet.errors import BadRecipe, BadRun, BudgetTooSmall, CannotWrite, Interrupted
from alexnet.i18n.units import seconds_of
from alexnet.models.registry import check_known
from alexnet.recipes.resolve import SHORTEST_BUDGET, recipe_of
from alexnet.runs.arguments import check_kinds
from alexnet.runs.environment import start_measuring_memory
from alexnet.runs.folder import RunFolder
from alexnet.runs.live import LiveRun
from alexnet.runs.prepare import tell_remarks
from alexnet.runs.result import Result
from alexnet.runs.train import train as train_one
from alexnet.runtime.device import choose_device
from alexnet.runtime.distributed import is_launched
from alexnet.runtime.events import Event, Message
from alexnet.runtime.machine import available_cpus
from alexnet.runtime.main_guard import refuse_in_import
from alexnet.search.candidates import FASTEST
from alexnet.search.conclude import conclude
from alexnet.search.request import DEFAULT_SECONDS, SearchRecord, SearchRequest, differences, read_search
from alexnet.search.search import search
from alexnet.search.state import SearchState
from alexnet.storage.files import free_folder
from alexnet.storage.ownership import check_vacant, owned

BEST = "best"
CHOOSES = ("recipe", "epochs", "weights", "layout", "overrides", "image_size", "splits")  # arguments that leave a search nothing to choose

SETS = {
    "budget": "budget_seconds",
    "seed": "seed",
    "layout_of_folders": "layout_of_folders",
    "max_unreadable": "max_unreadable",
    "balance": "balance",
}

P = ParamSpec("P")


def _or_search(train_model: Callable[P, Result]) -> Callable[P, Result]:
    """`train_model`, and a search where its arguments choose no model and nothing of one."""
    arguments = signature(train_model)

    @wraps(train_model)
    def train(*args: P.args, **named: P.kwargs) -> Result:
        bound = arguments.bind(*args, **named)
        if not is_search(bound.arguments):
            return train_model(*args, **named)
        bound.apply_defaults()
        return _find_best(bound.arguments)

    return train


def is_search(arguments: dict[str, Any]) -> bool:
    """Whether these arguments of `train` ask for a search; raises BadRecipe for `best` with something that a search chooses itself."""
    model, out = arguments.get("model"), arguments.get("out")
    chosen = [name for name in CHOOSES if not _is_unset(arguments.get(name))]
    is_best = isinstance(model, str) and model == BEST
    if isinstance(model, str) and not is_best:
        check_known(model, BEST)
    if is_best and chosen:
        raise BadRecipe(
            f"--model best chooses the model and its recipe itself: leave out {chosen[0].replace('_', '-')}, or name a model, such as "
            "--model alexnet."
        )
    if is_best:
        return True
    if model is not None or chosen or is_launched():
        return False
    check_kinds(out=out)
    return arguments.get("resume") is not True or is_unfinished(out)


def _is_unset(value: object) -> bool:
    return value is None or (isinstance(value, Mapping) and not value)


def is_unfinished(out: str | Path | None) -> bool:
    """Whether the folder holds a search that has not ended."""
    return out is not None and not RunFolder(Path(out)).result.exists() and read_search(Path(out)) is not None


def data_of_search(out: str | Path | None) -> str | None:
    """The data set of the unfinished search in a folder; None if there is none."""
    record = read_search(Path(out)) if out is not None and is_unfinished(out) else None
    return record.request.data if record is not None else None


def _find_best(arguments: dict[str, Any]) -> Result:
    """Search among the systems for these images, and write the best one's run folder; raises AlexNetError as `train` does."""
    refuse_in_import()
    names = ("out", "budget", "seed", "workers", "max_unreadable", "balance")
    check_kinds(**{name: arguments[name] for name in names})
    data, resume = with_labels(arguments["data"], arguments["labels"]), arguments["resume"]
    out = Path(arguments["out"]) if arguments["out"] is not None else None
    record = _record(out, resume=resume)
    given = _request(str(data), arguments)
    if record is not None:
        _check_same(record.request, given, arguments, out)
    request = record.request if record is not None else given
    dataset = open_dataset(data, layout_of_folders=request.layout_of_folders)
    out = out if out is not None else free_folder(Path("runs"), dataset.name, BEST)
    if record is None:
        check_vacant(out, "an alexnet run")
    recipe_of(request.of(FASTEST), dataset)  # finds the user's mistakes before anything is made
    state = _state(arguments, out, record or SearchRecord(request=request), dataset)
    with owned(out):
        return _searched(state)


def _searched(state: SearchState) -> Result:
    done = RunFolder(state.out).finished()
    if done is not None:
        state.listen(Message(f"{state.out} has already finished: nothing to do."))
        return done
    try:
        tell_remarks(state.dataset, state.listen)
        state.save()
        search(state)
        return conclude(state)
    except (KeyboardInterrupt, Interrupted, CannotWrite) as stop:
        with suppress(CannotWrite):
            state.save()  # the time that was spent
        stop.__notes__ = [f"Resume with: {shlex.join(['alexnet', 'train', '--out', str(state.out), '--resume'])}"]
        raise


def _record(out: Path | None, *, resume: bool) -> SearchRecord | None:
    """The search to resume; raises BadRun if --resume has none, or if the folder holds a run that is not to be resumed."""
    record = read_search(out) if out is not None else None
    if resume and record is None:
        raise BadRun(f"{out} holds no search to resume. To start one: alexnet train DATA --out RUN")
    if not resume and out is not None and (record is not None or RunFolder(out).recipe.exists()):
        raise BadRun(f"{out} already holds a run. Add --resume to resume it, or choose another --out.")
    return record


def _request(data: str, arguments: dict[str, Any]) -> SearchRequest:
    budget = arguments["budget"]
    seconds = DEFAULT_SECONDS if budget is None else seconds_of(budget)
    if seconds < SHORTEST_BUDGET:
        raise BudgetTooSmall(f"A budget of {seconds:g} s is too short to read, test and report. Use --budget {SHORTEST_BUDGET:g}s or more.")
    return SearchRequest(
        data=data,
        budget_seconds=seconds,
        seed=arguments["seed"] or 0,
        layout_of_folders=arguments["layout_of_folders"],
        max_unreadable=arguments["max_unreadable"],
        balance=arguments["balance"],
    )


def _check_same(saved: SearchRequest, given: SearchRequest, arguments: dict[str, Any], out: Path | None) -> None:
    """Raise BadRun if arguments that are given differ from those of the search to resume."""
    asked = {"data", *(SETS[name] for name in SETS if arguments[name] is not None)}
    different = [line for line in differences(saved, given) if line.split(":")[0] in asked]
    if different:
        lines = "\n  ".join(different)
        raise BadRun(
            f"{out} was started as another search (then / now):\n  {lines}\nResume with the same options, or choose another --out."
        )


def _state(arguments: dict[str, Any], out: Path, record: SearchRecord, dataset: Dataset) -> SearchState:
    device = choose_device(arguments["device"])
    start_measuring_memory(device)
    workers, live, heard = arguments["workers"], LiveRun(out), arguments["listen"]

    def listen(event: Event) -> None:
        live(event)
        heard(event)

    return SearchState(
        out=out,
        request=record.request,
        dataset=dataset,
        device=device,
        decoders=available_cpus() if workers is None else workers,
        listen=listen,
        live=live,
        should_stop=arguments["should_stop"],
        keeps=arguments["keep_checkpoints"],
        spent_before=record.seconds,
        tried=list(record.tried),
    )


train = _or_search(train_one)
