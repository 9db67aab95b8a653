"""Small networks with every number drawn, and how far two answers are apart."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from alexnet.models.networks.architecture import Architecture, NetworkChoices, vary
from alexnet.models.networks.network import Network
from alexnet.models.registry import ARCHITECTURES

State = dict[str, Tensor]
SIDE = 96  # pixels: 99 with the hanging window; maps of 23, 11, 5 and 2
EXACT = 1e-12  # of float64 sums in another order


def table(name: str = "alexnet", **changed: object) -> Architecture:
    """A sixteenth of the width; `changed` are fields of the table itself."""
    return replace(vary(ARCHITECTURES[name], NetworkChoices(width=1 / 16)), **changed)  # type: ignore[arg-type]  # fields by name


def network(architecture: Architecture, *, seed: int = 0, side: int = SIDE, channels: int = 3) -> Network:
    torch.manual_seed(seed)
    built = Network(architecture, classes=7, channels=channels, image_size=side).double().eval()
    for module in built.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
            nn.init.normal_(module.weight, std=(2 / module.weight[0].numel()) ** 0.5)  # signals of equal size in all layers
            nn.init.normal_(module.bias, std=0.5)
    return built


def loaded(architecture: Architecture, state: State, *, side: int = SIDE) -> Network:
    built = network(architecture, seed=99, side=side)
    built.load_state_dict(state)
    return built


def images(side: int = SIDE, n: int = 2) -> Tensor:
    """RGB from 0 to 255, minus a mean."""
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (n, 3, side, side), generator=generator).double() - torch.tensor([123.0, 117.0, 104.0]).view(3, 1, 1)


@torch.no_grad()
def scores(model: nn.Module, images: Tensor) -> Tensor:
    answer: Tensor = model(images)
    return answer


def apart(one: Tensor, other: Tensor) -> float:
    """The largest difference, as a share of the largest score."""
    return float((one - other).abs().max() / other.abs().max())


def same_bits(one: State, other: State) -> bool:
    return list(one) == list(other) and all(
        one[name].dtype == other[name].dtype and one[name].shape == other[name].shape and torch.equal(one[name], other[name])
        for name in one
    )
