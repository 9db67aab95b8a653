"""Pruning by magnitude, layer by layer: how much of each layer may go is found on validation images.

As in Han, Pool, Tran and Dally (NIPS 2015): the smallest weights are removed, the others trained on, and so in several rounds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alexnet.models.networks.layers import Dropout

LEVELS = tuple(0.85**step for step in range(32))  # shares of a layer's weights that may stay: 100% to 0.6%
FEWEST = 1_024  # weights of a layer from which it is worth it

Weights = Mapping[str, nn.Parameter]
Loss = Callable[[], float]


def weights_of(network: nn.Module) -> dict[str, nn.Parameter]:
    """The weights that are pruned and shared, by name: of layers with 1,024 or more. Biases and scales of batch norm are not."""
    return {
        name: parameter
        for name, parameter in network.named_parameters()
        if name.endswith("weight") and parameter.dim() >= 2 and parameter.numel() >= FEWEST
    }


@dataclass(slots=True)
class Pruning:
    """Which weights survive: bool, by name. `apply` is the projection of fine-tuning."""

    weights: Weights
    masks: dict[str, Tensor]

    @classmethod
    def of(cls, weights: Weights) -> "Pruning":
        """All survive."""
        return cls(weights, {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()})

    @torch.no_grad()
    def apply(self) -> None:
        """Set the others to 0."""
        for name, weight in self.weights.items():
            weight.mul_(self.masks[name])

    def share(self, name: str) -> float:
        """The share of a layer that survives."""
        return float(self.masks[name].float().mean())

    @property
    def survivors(self) -> int:
        """Weights that survive in all layers."""
        return sum(int(mask.sum()) for mask in self.masks.values())

    def pruned(self, shares: Mapping[str, float]) -> "Pruning":
        """The largest weights of each layer, as many as its share says; no weight comes back."""
        masks = {name: self.masks[name] & largest(weight.detach(), shares[name]) for name, weight in self.weights.items()}
        return Pruning(self.weights, masks)


def largest(weight: Tensor, share: float) -> Tensor:
    """bool, of the weight's shape: its largest magnitudes, that share of them and at least one."""
    count = max(1, round(share * weight.numel()))
    kept = torch.zeros(weight.numel(), dtype=torch.bool, device=weight.device)
    kept[weight.abs().flatten().topk(count).indices] = True
    return kept.view(weight.shape)


@torch.no_grad()
def prunable_shares(pruning: Pruning, loss: Loss, tolerance: float) -> dict[str, float]:
    """For each layer the smallest share that may stay while the loss rises by no more than the tolerance if that layer alone is pruned."""
    before, shares = loss(), {}
    for name, weight in pruning.weights.items():
        original = weight.detach().clone()
        now = pruning.share(name)
        levels = [now, *(level for level in LEVELS if level < now)]

        def rise(place: int, weight: nn.Parameter = weight, original: Tensor = original, levels: Sequence[float] = levels) -> float:
            weight.copy_(original * largest(original, levels[place]))
            return loss() - before

        shares[name] = levels[last_within(len(levels), rise, tolerance)]
        weight.copy_(original)
    return shares


def last_within(count: int, rise: Callable[[int], float], tolerance: float) -> int:
    """The last of `count` places, of which each costs more than the one before, that rises within the tolerance; 0 is taken to."""
    first, last = 0, count - 1
    while first < last:
        middle = (first + last + 1) // 2
        first, last = (middle, last) if rise(middle) <= tolerance else (first, middle - 1)
    return first


def ease_dropout(network: nn.Module, rates: Mapping[str, float], share: float) -> None:
    """Set dropout to its trained rate times the root of the share of weights that survive: fewer weights overfit less (Han 2015)."""
    for name, module in network.named_modules():
        if isinstance(module, Dropout):
            module.p = rates[name] * share**0.5


def dropout_rates(network: nn.Module) -> dict[str, float]:
    """The rate of each dropout layer by name."""
    return {name: module.p for name, module in network.named_modules() if isinstance(module, Dropout)}
