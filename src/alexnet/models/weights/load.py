"""Trained weights from a file into a network: by name, with the difference said when they do not fit. Never a pickle that runs code."""

import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from alexnet.errors import BadWeights

State = dict[str, Tensor]


def read_weights(source: str) -> State:
    """A state dict from a safetensors file, a torch file (`weights_only`), a run folder, or "imagenet" (torchvision's, downloaded)."""
    if source == "imagenet":
        return _imagenet()
    path = Path(source)
    if path.is_dir():
        path = path / "model" / "model.safetensors"
    if not path.is_file():
        raise BadWeights(f"There are no weights at {path}. Give a .safetensors or .pth file, a run folder, or 'imagenet'.")
    try:
        state = load_file(path) if path.suffix == ".safetensors" else _torch_file(path)
    except Exception as error:  # a file of something else fails in the unpickler in as many ways as there are files
        raise BadWeights(f"{path} is not a file of weights that can be read safely ({_first_line(error)}).") from None
    return _checked(state, path)


def _torch_file(path: Path) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on pickles of another protocol; what is read is checked anyway
        return torch.load(path, map_location="cpu", weights_only=True)


def load_weights(network: nn.Module, state: State, last: str) -> list[str]:
    """Copy `state` into `network`; the `last` layer keeps its new weights when its classes differ. Gives one line per thing done.

    Weights of one-channel first layers are the sum over the colours (trap 17). Raises BadWeights, with the difference, when
    the layers below do not fit.
    """
    wanted = fitting(network, state, last)
    network.load_state_dict(wanted, strict=False)
    kept = [f"{len(wanted)} tensors of weights loaded"]
    target = network.state_dict()
    return kept if len(wanted) == len(target) else [*kept, f"{last} starts anew for {target[last + '.bias'].numel()} classes"]


def fitting(network: nn.Module, state: State, last: str) -> State:
    """What of `state` goes into `network`; raises BadWeights as `load_weights` does. The network may lie on the meta device."""
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
            "download.pytorch.org/models on another machine and give its path to --weights."
        ) from None


def _checked(state: object, path: Path) -> State:
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise BadWeights(f"{path} holds no state dict; a mapping of names to tensors is needed.")
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
