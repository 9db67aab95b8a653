"""Load trained weights from a file into a network by name; errors list the differences. Pickles that run code are never loaded."""

import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from alexnet.errors import BadWeights
from alexnet.runtime.arguments import path_from

State = dict[str, Tensor]


def read_weights(source: str) -> State:
    """A state dict from a safetensors file, a torch file (`weights_only`), a run folder, or "imagenet" (torchvision's, downloaded)."""
    if source == "imagenet":
        return _imagenet()
    path = path_from(source, "weights", BadWeights)
    if path.is_dir():
        path = path / "model" / "model.safetensors"
    if not path.is_file():
        raise BadWeights(f"There are no weights at {path}. Use a .safetensors or .pth file, a run folder, or 'imagenet'.")
    try:
        state = load_file(path) if path.suffix == ".safetensors" else _torch_file(path)
    except Exception as error:  # the unpickler raises errors of many classes for files of other kinds
        raise BadWeights(f"{path} is not a file of weights that can be read safely ({_first_line(error)}).") from None
    return _checked(state, path)


def _torch_file(path: Path) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about pickles of another protocol; the content is checked anyway
        return torch.load(path, map_location="cpu", weights_only=True)


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


def _checked(state: object, path: Path) -> State:
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise BadWeights(f"{path} holds no state dict; use a file with a mapping of names to tensors.")
    return {str(name).removeprefix("module."): value for name, value in state.items()}


def _to_gray(weight: Tensor, target: Tensor | None) -> Tensor:
    if target is not None and weight.dim() == 4 and weight.shape[1] == 3 and target.shape[1] == 1:
        return weight.sum(1, keepdim=True)
    return weight


def _check_fit(target: State, state: State, exempt: set[str]) -> None:
    missing = sorted(set(target) - set(state) - exempt)
    extra = sorted(set(state) - set(target))
    misfits = [name for name in state if name in target and state[name].shape != target[name].shape]
    shapes = [f"{name} is {tuple(state[name].shape)}, needs {tuple(target[name].shape)}" for name in misfits]
    lines = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"unknown: {', '.join(extra)}"] * bool(extra) + shapes
    if lines:
        raise BadWeights("The weights do not fit this network:\n  " + "\n  ".join(lines))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
