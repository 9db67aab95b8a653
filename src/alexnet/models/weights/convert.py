"""Convert a file of weights to another form of the same function. Numbers are moved, never changed, except by exact factors of two."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alexnet.errors import BadWeights
from alexnet.models.weights.files import check_place, read_file, write_file
from alexnet.models.weights.form import Form
from alexnet.models.weights.registry import find_forms, form_with_names
from alexnet.models.weights.state_dict import State
from alexnet.runtime.arguments import path_from
from alexnet.storage.records import convert, read_json


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversion:
    """What was written; `lines` is the message for the user: how much, each tensor with its shape, warnings, what to run next."""

    out: Path
    tensors: dict[str, tuple[int, ...]]  # name -> shape
    lines: tuple[str, ...]


def convert_file(file: str | Path, *, from_form: str, to_form: str, out: str | Path) -> Conversion:
    """Convert the weights in `file`, a file or a run folder of the form `from_form`, to the form `to_form` and write them to `out`.

    Raises BadModel for unknown forms and for forms of different functions; BadWeights for a file that is not in its form, for one that
    cannot be converted exactly, and for an `out` that exists or has the wrong suffix for the form. `out` is written completely or not at
    all.
    """
    source, out = path_from(file, "The weights file", BadWeights), path_from(out, "out", BadWeights)
    form, target = find_forms(from_form, to_form)
    check_place(out, target)
    choices = _choices_of_run(source, form)
    stored = read_file(source, form)
    _check_names(source, stored.state, form)
    tensors = target.write(form.read(stored.state))
    written = {name: tensors[name] for name in target.names}
    write_file(out, written)
    shapes = {name: tuple(tensor.shape) for name, tensor in written.items()}
    lines = _lines(form, target, written, choices, out)
    return Conversion(out=out, tensors=shapes, lines=(lines[0], *([stored.chosen] if stored.chosen else []), *lines[1:]))


def _choices_of_run(source: Path, form: Form) -> dict[str, str]:
    """A run's changes to its network's table, field -> value; none for a plain file. Raises BadWeights for a run of another network."""
    card_file = source / "model" / "model.json"
    try:
        if not card_file.is_file():
            return {}
        saved = read_json(card_file)
        model = convert(str, saved.get("model"), "model")
        choices: dict[str, Any] = convert(dict[str, Any], saved.get("network"), "network")
    except (OSError, ValueError) as error:
        raise BadWeights(f"{card_file} is damaged ({error}); copy the run again, or convert its model/model.safetensors.") from None
    if model != form.model:
        needed = f"runs of {form.model}" if form.model else f"{form.suffixes[0]} files, not from runs"
        raise BadWeights(f"{source} is a run of {model}; the form '{form.name}' is read from {needed}.")
    return {name: str(value).lower() for name, value in choices.items() if value is not None}


def _check_names(source: Path, state: State, form: Form) -> None:
    missing = [name for name in form.names if name not in state]
    unknown = sorted(set(state) - set(form.names))
    lines = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"unknown: {', '.join(unknown)}"] * bool(unknown)
    if lines:
        raise BadWeights(f"{source} is not in the form '{form.name}'.{form_with_names(set(state))}\n  " + "\n  ".join(lines))


def _lines(form: Form, target: Form, state: State, choices: dict[str, str], out: Path) -> tuple[str, ...]:
    numbers = sum(tensor.numel() for tensor in state.values())
    kind = str(next(iter(state.values())).dtype).removeprefix("torch.")
    done = f"{form.name} -> {target.name}: {len(state)} tensors, {numbers:,} weights and biases in {kind}, written to {out}"
    shapes = (f"  {name} {tuple(tensor.shape)}" for name, tensor in state.items())
    other = form.name != target.name
    notes = [form.when_read] * bool(form.when_read and other) + [target.when_written] * bool(target.when_written and other)
    if choices and not target.model:
        notes.append(f"The run changed its network's table; the same function needs {_options(choices)}.")
    return (done, *shapes, *notes, *_next(target, choices, out))


def _next(target: Form, choices: dict[str, str], out: Path) -> tuple[str, ...]:
    if not target.model:
        return ()
    command = ["alexnet", "train", "DATA", "--model", target.model]
    options = _options({**target.options, **choices})
    return (" ".join(["Next:", *command, *([options] if options else []), "--weights", shlex.quote(str(out))]),)


def _options(choices: dict[str, str]) -> str:
    return " ".join(f"--network.{name.replace('_', '-')} {shlex.quote(value)}" for name, value in choices.items())
