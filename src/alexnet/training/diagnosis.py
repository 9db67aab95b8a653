"""Why a network does not learn: which layers are dead or saturated, and how large their updates are."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from alexnet.training.optimizer import Descent

ACTIVATIONS = (nn.ReLU, nn.GELU, nn.Tanh, nn.Sigmoid)
SATURATED = 0.98  # of the way to a bound
EPSILON = 1e-8  # of Adam
SILENT = 0.02  # the largest output of a GELU that counts as 0


def stuck_units(model: nn.Module, images: Tensor) -> dict[str, float]:
    """Share of the units after each nonlinearity that are 0 (ReLU, GELU) or saturated (tanh, sigmoid) on all `images`."""
    shares: dict[str, float] = {}
    with _watched(model, shares), torch.no_grad():
        model(images)
    return shares


@contextmanager
def _watched(model: nn.Module, shares: dict[str, float]) -> Iterator[None]:
    def watcher(name: str) -> object:
        def watch(module: nn.Module, inputs: object, output: Tensor) -> None:
            shares[name] = _stuck_share(module, output)

        return watch

    watched = [(name, module) for name, module in model.named_modules() if isinstance(module, ACTIVATIONS)]
    hooks = [module.register_forward_hook(watcher(name)) for name, module in watched]  # type: ignore[arg-type]  # Tensor, not Any
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _stuck_share(module: nn.Module, output: Tensor) -> float:
    if isinstance(module, nn.ReLU):
        bound = output <= 0
    elif isinstance(module, nn.GELU):
        bound = output.abs() < SILENT
    elif isinstance(module, nn.Tanh):
        bound = output.abs() > SATURATED
    else:
        bound = (output - 0.5).abs() > SATURATED / 2
    return bound.flatten(2).all(2).all(0).float().mean().item() if output.dim() > 2 else bound.all(0).float().mean().item()


def update_ratios(optimizer: Descent, model: nn.Module) -> dict[str, float]:
    """Learning rate x update norm / weight norm of every weight that has a gradient, by layer.

    The update is the last gradient or, where that is not finite, the momentum after the last good step.
    """
    rates, momentum, variance = optimizer.rates(), optimizer.momentum(), optimizer.variance()
    ratios = {}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None and name.endswith("weight"):
            size, update = parameter.detach().norm().item(), _update_size(parameter.grad, momentum.get(name), variance.get(name))
            ratios[name.removesuffix(".weight")] = rates.get(name, 0.0) * update / max(size, 1e-12)
    return ratios


def _update_size(gradient: Tensor, momentum: Tensor | None, variance: Tensor | None) -> float:
    update = gradient if momentum is None or gradient.isfinite().all() else momentum
    update = update if variance is None else update / (variance.sqrt() + EPSILON)
    return float(update.norm())


def diagnose(model: nn.Module, optimizer: Descent, images: Tensor) -> str:
    """Lines for the error message: the layers that are stuck, then the updates of every layer."""
    lines = [f"{name}: {share:.0%} of the units never change" for name, share in stuck_units(model, images).items() if share > 0.5]
    lines = lines or ["No layer is dead or saturated on the last batch."]
    ratios = update_ratios(optimizer, model)
    lines.append("Update / weight per step (healthy: about 0.001): " + ", ".join(f"{n} {r:.1e}" for n, r in ratios.items()))
    return "\n  ".join(lines)
