"""Gradient descent with the paper's parameter groups: biases learn twice as fast and do not decay (trap 7).

Muon (orthogonalised momentum, for matrices) is an option for the convolutions; all other parameters use SGD. Adam is one for all of them.
A step whose loss is not finite changes nothing, and neither does any step after it: the weights stay the last good ones.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from alexnet.runtime.device import choose_precision
from alexnet.training.config import TrainingConfig
from alexnet.training.muon import Muon
from alexnet.training.parallel.layout import is_part, local
from alexnet.training.running_statistics import RunningStatistics

BETA_2 = 0.999  # of Adam, as published


@dataclass(frozen=True, slots=True)
class View:
    """A weight in another shape, in the same memory: the optimizer updates `shown`, whose gradient is `show` of the weight's gradient."""

    shown: nn.Parameter
    weight: nn.Parameter
    show: Callable[[Tensor], Tensor]


class Descent:
    """All optimizers of one model behind one interface: their steps, their rates, and their running averages by parameter name.

    failed: bool, 0-d, on the weights' device: whether a step's loss was not finite.
    reads_failed: whether the CPU reads it before each step, which costs nothing if the weights are on the CPU.
    """

    def __init__(self, network: nn.Module, config: TrainingConfig) -> None:
        self.failed = torch.zeros((), dtype=torch.bool, device=next(network.parameters()).device)
        self.reads_failed = self.failed.device.type == "cpu"
        self.statistics = RunningStatistics(network)
        matrices = _convolutions(network) if config.optimizer == "muon" else {}
        parts = {name: weight for name, weight in network.named_parameters() if is_part(weight)}
        shown = {name: nn.Parameter(local(weight.data)) for name, weight in parts.items()}  # fused steps need plain tensors
        self.views = [View(shown[name], weight, local) for name, weight in parts.items()]
        first = adam if config.optimizer == "adam" else sgd
        self.optimizers: list[torch.optim.Optimizer] = [first(network, config, without=matrices, instead=shown)]
        self.names: dict[Tensor, str] = {parameter: name for name, parameter in network.named_parameters()}
        self.names |= {parameter: name for name, parameter in shown.items()}
        if matrices:
            self.optimizers.append(self._muon(matrices, config))

    def _muon(self, matrices: dict[str, nn.Parameter], config: TrainingConfig) -> torch.optim.Optimizer:
        """Muon needs matrices: it sees each convolution's weight as a view (channels, inputs) of the same memory."""
        views = [View(nn.Parameter(_as_matrix(weight.data)), weight, _as_matrix) for weight in matrices.values()]
        self.views += views
        self.names |= {view.shown: name for view, name in zip(views, matrices, strict=True)}
        group = {"params": [view.shown for view in views], "rate": config.muon_learning_rate / config.learning_rate}
        return Muon(
            [group],
            in_bf16="bf16" in (config.muon_precision, choose_precision(config.precision, self.failed.device)),
            lr=config.muon_learning_rate,
            weight_decay=config.muon_weight_decay,
            momentum=config.momentum,
            nesterov=config.nesterov,
        )

    def set_learning_rate(self, learning_rate: float) -> None:
        """Set every group's learning rate to its share of the scheduled one."""
        for group in self._groups():
            group["lr"] = learning_rate * group["rate"]

    def rates(self) -> dict[str, float]:
        """The current learning rate of every parameter, by its name."""
        return {self.names[parameter]: group["lr"] for group in self._groups() for parameter in group["params"]}

    def zero_grad(self) -> None:
        """Drop the gradients."""
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        for view in self.views:
            view.weight.grad = None

    def step(self, loss: Tensor | None = None) -> None:
        """Update every parameter, unless a loss was not finite; in that case restore the running statistics instead.

        loss: this step's, 0-d, summed over the workers so that all of them decide alike; None: known to be finite.
        On a GPU the decision is made on the device, and the CPU does not wait for it.
        """
        if loss is not None:
            self.failed |= ~loss.isfinite()
        for view in self.views:
            view.shown.grad = None if view.weight.grad is None else view.show(view.weight.grad)
        if not self.reads_failed:
            self._step_unless_failed()
        elif self.failed:
            self.statistics.restore(self.failed)
        else:
            for optimizer in self.optimizers:
                optimizer.step()

    def _step_unless_failed(self) -> None:
        """Update every parameter unless `failed`, without reading it on the CPU: the GPU skips the step."""
        for optimizer in self.optimizers:
            if "momentum" in optimizer.defaults:
                _create_momentum(optimizer)
            if optimizer.defaults.get("fused"):
                setattr(optimizer, "found_inf", self.failed.float())  # noqa: B010 - PyTorch's name: fused steps skip where it is 1
                optimizer.step()
            else:
                _step_and_restore(optimizer, self.failed)
        self.statistics.restore(self.failed)

    def _groups(self) -> list[dict[str, Any]]:
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def momentum(self) -> dict[str, Tensor]:
        """The momentum of every parameter that has one, by its name: of Adam, the running average of its gradients."""
        return self._averages("momentum_buffer") | self._averages("exp_avg")

    def variance(self) -> dict[str, Tensor]:
        """Adam's running average of the squares of every parameter's gradients, by its name; {} for other optimizers."""
        return self._averages("exp_avg_sq")

    def _averages(self, kind: str) -> dict[str, Tensor]:
        states = [(parameter, state) for optimizer in self.optimizers for parameter, state in optimizer.state.items()]
        return {self.names[p]: state[kind] for p, state in states if state.get(kind) is not None}

    def set_averages(self, momentum: Mapping[str, Tensor], variance: Mapping[str, Tensor], steps: int) -> None:
        """Restore what `momentum` and `variance` returned after so many steps."""
        for optimizer in self.optimizers:
            kept = {"exp_avg": momentum, "exp_avg_sq": variance} if "betas" in optimizer.defaults else {"momentum_buffer": momentum}
            for parameter in (parameter for group in optimizer.param_groups for parameter in group["params"]):
                name, state = self.names[parameter], optimizer.state[parameter]
                for kind in (kind for kind, averages in kept.items() if name in averages):
                    average = torch.empty_like(parameter)  # in the weights' memory format: fused steps traverse both in memory order
                    state[kind] = average.copy_(kept[kind][name])
                if "exp_avg" in state:
                    state["step"] = torch.tensor(float(steps), device=parameter.device)


def _create_momentum(optimizer: torch.optim.Optimizer) -> None:
    """Set the momentum of every parameter with a gradient to its initial 0, so that it exists even if the first step is skipped."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state[parameter]
            if group["momentum"] and parameter.grad is not None and state.get("momentum_buffer") is None:
                state["momentum_buffer"] = torch.zeros_like(parameter)


def _step_and_restore(optimizer: torch.optim.Optimizer, failed: Tensor) -> None:
    """Step an optimizer that cannot skip a step: copy parameters and momentum first, and restore them if `failed` is true."""
    parameters = [parameter.detach() for group in optimizer.param_groups for parameter in group["params"]]
    momentum = [state["momentum_buffer"] for state in optimizer.state.values() if state.get("momentum_buffer") is not None]
    before = [(tensor, tensor.clone()) for tensor in (*parameters, *momentum)]
    optimizer.step()
    for tensor, copy in before:
        tensor.copy_(torch.where(failed, copy, tensor))


def sgd(
    network: nn.Module, config: TrainingConfig, without: Collection[str] = (), instead: Mapping[str, nn.Parameter] | None = None
) -> torch.optim.SGD:
    """SGD of the parameters in their groups; see `parameter_groups`."""
    return torch.optim.SGD(
        parameter_groups(network, config, without, instead),
        lr=config.learning_rate,
        momentum=config.momentum,
        nesterov=config.nesterov and config.momentum > 0,
        fused=next(network.parameters()).dtype != torch.float64,
    )


def adam(
    network: nn.Module, config: TrainingConfig, without: Collection[str] = (), instead: Mapping[str, nn.Parameter] | None = None
) -> torch.optim.Adam:
    """Adam (Kingma and Ba 2015, arXiv 1412.6980, algorithm 1) of the same groups; decay is part of the gradient, as in SGD."""
    groups = parameter_groups(network, config, without, instead)
    return torch.optim.Adam(groups, lr=config.learning_rate, betas=(config.momentum, BETA_2), fused=True)


def parameter_groups(
    network: nn.Module, config: TrainingConfig, without: Collection[str] = (), instead: Mapping[str, nn.Parameter] | None = None
) -> list[dict[str, Any]]:
    """One group of parameters per (rate, decay); `rate` is the group's factor on the scheduled learning rate.

    without: names of parameters to leave out; instead: by name, tensors to update in place of a parameter.
    """
    parameters = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    last = parameters[-1][0].rpartition(".")[0]
    depths = depths_of([name for name, _ in network.named_parameters()])
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in parameters:
        if name not in without:
            groups.setdefault(_rate_and_decay(name, parameter, last, depths[name], config), []).append((instead or {}).get(name, parameter))
    return [{"params": group, "rate": rate, "weight_decay": decay} for (rate, decay), group in groups.items()]


def depths_of(names: Sequence[str]) -> dict[str, int]:
    """How many layers or blocks lie above that of each parameter: 0 for the last one's. names: in the order of the network."""
    layers = [layer_of(name) for name in names]
    order = {layer: place for place, layer in enumerate(dict.fromkeys(layers))}
    return {name: len(order) - 1 - order[layer] for name, layer in zip(names, layers, strict=True)}


def layer_of(name: str) -> str:
    """The layer or block that a parameter belongs to: the first name below `features` or `classifier`, else its module."""
    found = re.search(r"(?:^|\.)((?:features|classifier)\.[^.]+)\.", name)
    return found[1] if found else name.rpartition(".")[0]


def _rate_and_decay(name: str, parameter: nn.Parameter, last: str, depth: int, config: TrainingConfig) -> tuple[float, float]:
    rate = 1.0 if name.rpartition(".")[0] == last else config.lower_layers * config.rate_per_layer ** max(0, depth - 1)
    rate *= config.conv_learning_rate if f".{name}".startswith((".features.", ".network.features.")) else 1.0
    if name.endswith(".bias") or parameter.dim() == 1:  # biases (a local layer has many), and the scales of batch norm
        return rate * config.bias_learning_rate, config.bias_weight_decay
    return rate, _decay(parameter.dim(), config)


def _decay(dimensions: int, config: TrainingConfig) -> float:
    """A weight of 4 dimensions is a convolution's, of 3 a local layer's, of 2 a fully connected one's."""
    fully_connected = config.weight_decay if config.fc_weight_decay < 0 else config.fc_weight_decay
    local = fully_connected if config.local_weight_decay < 0 else config.local_weight_decay
    return {4: config.weight_decay, 3: local}.get(dimensions, fully_connected)


def _convolutions(network: nn.Module) -> dict[str, nn.Parameter]:
    return {name: weight for name, weight in network.named_parameters() if weight.dim() == 4 and weight.requires_grad}


def _as_matrix(weight: Tensor) -> Tensor:
    """(channels, inputs, k, k) as (channels, k k inputs), a view where the memory is channels_last (or contiguous)."""
    if weight.is_contiguous(memory_format=torch.channels_last):
        return weight.permute(0, 2, 3, 1).flatten(1)
    return weight.flatten(1)
