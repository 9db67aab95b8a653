"""Stochastic gradient descent with the paper's parameter groups: biases learn twice as fast and do not decay (trap 7)."""

import torch
from torch import nn

from alexnet.training.config import TrainingConfig


def sgd(network: nn.Module, config: TrainingConfig) -> torch.optim.SGD:
    """One group per (layer kind, weight or bias); each carries `rate`, its factor on the scheduled learning rate."""
    parameters = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    last = parameters[-1][0].rpartition(".")[0]
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in parameters:
        groups.setdefault(_rate_and_decay(name, parameter, last, config), []).append(parameter)
    return torch.optim.SGD(
        [{"params": group, "rate": rate, "weight_decay": decay} for (rate, decay), group in groups.items()],
        lr=config.learning_rate,
        momentum=config.momentum,
        nesterov=config.nesterov and config.momentum > 0,
        fused=parameters[0][1].dtype != torch.float64,
    )


def _rate_and_decay(name: str, parameter: nn.Parameter, last: str, config: TrainingConfig) -> tuple[float, float]:
    rate = 1.0 if name.rpartition(".")[0] == last else config.lower_layers
    if name.endswith(".bias"):
        return rate * config.bias_learning_rate, config.bias_weight_decay
    is_convolution = parameter.dim() == 4
    decay = config.weight_decay if is_convolution or config.fc_weight_decay < 0 else config.fc_weight_decay
    return rate, decay


def set_learning_rate(optimizer: torch.optim.SGD, learning_rate: float) -> None:
    """Give every group its share of the scheduled rate."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group["rate"]
