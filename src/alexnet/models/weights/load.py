"""Load trained weights from a file into a network by name; errors list the differences. Pickles that run code are never loaded."""

import re
import warnings
from pathlib import Path
from zipfile import BadZipFile, ZipFile, is_zipfile

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from alexnet.errors import BadWeights
from alexnet.models.weights.state_dict import SAVE_ALONE, State, StoredWeights, state_dict_in
from alexnet.runtime.arguments import path_from

MOST_LISTED = 40  # names in a message
GLOBAL = re.compile(r"GLOBAL ([\w.]+)|Trying to (?:call|instantiate|set) (?:unsupported )?(?:class |GLOBAL )?([\w.]+)")


def read_weights(source: str) -> State:
    """The state dict that `read_stored` finds."""
    return read_stored(source).state


def read_stored(source: str) -> StoredWeights:
    """A state dict from a safetensors file, a torch file (`weights_only`), a run folder, or "imagenet" (torchvision's, downloaded).

    Raises BadWeights for a file that cannot be read, that holds more than tensors, or whose tensors are not plain finite numbers.
    """
    if source == "imagenet":
        return StoredWeights(_imagenet())
    path = _file_at(source)
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _torch_file(path)
    except Exception as error:  # the unpickler raises errors of many classes for files of other kinds
        raise BadWeights(f"{path} is not a file of weights that can be read safely ({_reason(error)}") from None
    return state_dict_in(content, path)


def _file_at(source: str) -> Path:
    path = path_from(source, "The weights file", BadWeights)
    try:
        if path.is_dir():
            path = path / "model" / "model.safetensors"
        found = path.is_file()
    except OSError as error:
        raise BadWeights(f"{path} cannot be opened ({error.strerror}). Use a file that you may read.") from None
    if not found:
        raise BadWeights(f"There are no weights at {path}. Use a .safetensors or .pth file, a run folder, or 'imagenet'.")
    return path


def _torch_file(path: Path) -> object:
    if is_zipfile(path):
        _check_sizes(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about pickles of another protocol; the content is checked anyway
        return torch.load(path, map_location="cpu", weights_only=True)


def _check_sizes(path: Path) -> None:
    """Raise BadZipFile for compressed tensors, which torch never writes: a small file could fill the memory."""
    with ZipFile(path) as members:
        if sum(member.file_size for member in members.infolist()) > path.stat().st_size:
            raise BadZipFile("it is compressed, and torch's own files are not")


def _reason(error: Exception) -> str:
    """Why a file cannot be read, and what to do, in our words where torch advises to load it without a check."""
    text = str(error)
    if found := GLOBAL.search(text):
        return f"it holds a {found[1] or found[2]}, and reading that could run code). {SAVE_ALONE}"
    if "weights_only" in text:
        return f"it holds more than tensors). {SAVE_ALONE}"
    return f"{_first_line(error)}). Copy or download it again."


def load_weights(network: nn.Module, state: State, last: str) -> list[str]:
    """Copy `state` into `network`; the `last` layer keeps its initial weights if the classes differ. Returns one line per action.

    Weights of one-channel first layers are the sum over the colours (trap 17). Raises BadWeights, with the difference, if
    the layers below do not fit.
    """
    loaded = fitting(network, state, last)
    network.load_state_dict(loaded, strict=False)
    lines = [f"{len(loaded)} weight tensors loaded"]
    target = network.state_dict()
    if len(loaded) == len(target):
        return lines
    return [*lines, f"{last} starts from random weights for {target[last + '.bias'].numel()} classes"]


def fitting(network: nn.Module, state: State, last: str) -> State:
    """The part of `state` that `network` can load; raises BadWeights as `load_weights` does. The network may be on the meta device."""
    target = network.state_dict()
    fresh = {name for name in target if name.rpartition(".")[0] == last}
    differs = any(name not in state or state[name].shape != target[name].shape for name in fresh)
    wanted = {name: value for name, value in state.items() if not (differs and name in fresh)}
    wanted = {name: _to_gray(value, target.get(name)) for name, value in wanted.items()}
    _check_fit(target, wanted, fresh if differs else set())
    return wanted


def _imagenet() -> State:
    from torchvision.models import AlexNet_Weights

    try:
        return dict(AlexNet_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True))
    except (OSError, RuntimeError) as error:
        raise BadWeights(
            f"torchvision's ImageNet weights could not be downloaded ({_first_line(error)}). Download alexnet-owt-7be5be79.pth from "
            "download.pytorch.org/models on another machine and pass its path to --weights."
        ) from None


def _to_gray(weight: Tensor, target: Tensor | None) -> Tensor:
    if target is not None and weight.dim() == target.dim() == 4 and weight.shape[1] == 3 and target.shape[1] == 1:
        return weight.sum(1, keepdim=True)
    return weight


def _check_fit(target: State, state: State, exempt: set[str]) -> None:
    missing, extra = _listed(set(target) - set(state) - exempt), _listed(set(state) - set(target))
    known = [(name, value, target[name]) for name, value in state.items() if name in target]
    shapes = [f"{name} is {tuple(value.shape)}, needs {tuple(own.shape)}" for name, value, own in known if value.shape != own.shape]
    whole = [(name, value) for name, value, own in known if own.is_floating_point() and not value.is_floating_point()]
    shapes += [f"{name} holds {str(value.dtype).removeprefix('torch.')} numbers, needs floating-point ones" for name, value in whole]
    lines = [f"missing: {missing}"] * bool(missing) + [f"unknown: {extra}"] * bool(extra) + shapes
    if lines:
        raise BadWeights("The weights do not fit this network:\n  " + "\n  ".join(lines))


def _listed(names: set[str]) -> str:
    shown = [name[:80] for name in sorted(names)[:MOST_LISTED]]
    return ", ".join(shown) + (f" and {len(names) - MOST_LISTED:,} more" if len(names) > MOST_LISTED else "")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
