"""The layout of 2012: two workers, each with half the maps, that exchange activations before conv3 and the fully connected layers.

Every worker sees whole batches. No gradients of weights are exchanged: each worker's weights are its own. (Paper 3.5 and figure 2.)
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from alexnet.errors import BadModel
from alexnet.models.networks.architecture import Architecture
from alexnet.models.networks.layers import ResponseNorm, Window
from alexnet.models.networks.model import NetworkModel
from alexnet.models.networks.network import Network
from alexnet.runtime.distributed import Workers
from alexnet.training.config import TrainingConfig
from alexnet.training.parallel.layout import Layout
from alexnet.training.parallel.tower_layers import ExchangingConv2d, ExchangingLinear, GatheringLinear

TOWERS = 2


class Towers(Layout):
    """One half of a two-tower network on each of two workers; `model` is turned into this worker's half."""

    name = "towers"
    shares_images = False

    def __init__(self, model: NetworkModel, world: Workers, config: TrainingConfig) -> None:
        super().__init__(model, world)
        self.check(model.network, world, config)
        self.dims = {f"network.{name}": dim for name, dim in _halved(model.network)}
        for name, whole in model.network.state_dict().items():
            _replace(model.network, name, self.part_of(f"network.{name}", whole))
        _exchange_between_towers(model.network, world.rank)

    @classmethod
    def check(cls, network: Network, world: Workers, config: TrainingConfig) -> None:
        """Require two workers and a network of two towers that can be separated."""
        _check(network.architecture, world, config)

    def window(self, module: nn.Module, count: int) -> Window:
        """Whole batches of half the units."""
        return Window(count, range(count), self.world.rank, TOWERS)


def _check(architecture: Architecture, world: Workers, config: TrainingConfig) -> None:
    name = architecture.name
    if world.size != TOWERS:
        raise BadModel(
            f"Layout towers needs one worker for each of the two towers, and {world.size} were started. "
            "Start two with torchrun --nproc-per-node 2 ..."
        )
    if architecture.towers != TOWERS:
        raise BadModel(f"{name} has {architecture.towers} tower; layout towers needs two, as alexnet has. Use --layout data or hybrid.")
    if architecture.norm not in ("none", "within-towers", "same-map"):
        raise BadModel(
            f"network.norm is '{architecture.norm}', which reads across the towers. Set it to within-towers or none, or use --layout data."
        )
    if not all(conv.shared for conv in architecture.convs):
        raise BadModel(f"{name} has local layers, which layout towers does not divide. Use --layout data.")
    odd = [full.name for full in architecture.hidden if full.units % TOWERS]
    if odd:
        raise BadModel(f"{odd[0]} has an odd number of units, which two towers cannot share. Choose another network.hidden_units.")
    if config.optimizer == "muon":
        raise BadModel("training.optimizer is 'muon', which needs whole matrices; layout towers halves them. Use sgd, or --layout data.")


def _halved(network: Network) -> Iterator[tuple[str, int]]:
    """The tensors that are split between the towers, with the dimension to halve: maps and units, or the inputs of the last layer."""
    *_, last = (name for name, module in network.named_modules() if isinstance(module, nn.Linear))
    for name in network.state_dict():
        layer, _, kind = name.rpartition(".")
        if layer == last and kind == "bias":
            continue
        if kind != "num_batches_tracked":
            yield name, int(layer == last)


def _replace(network: Network, name: str, part: Tensor) -> None:
    """Replace a parameter or buffer by a part of it."""
    owner, _, kind = name.rpartition(".")
    module = network.get_submodule(owner)
    old = getattr(module, kind)
    held = part.detach().clone(memory_format=torch.preserve_format)
    setattr(module, kind, nn.Parameter(held, old.requires_grad) if isinstance(old, nn.Parameter) else held)


def _exchange_between_towers(network: Network, tower: int) -> None:
    """Make the layers that see both towers exchange activations, and reduce all others to one tower."""
    convolutions = [module for module in network.features.modules() if isinstance(module, nn.Conv2d)]
    linears = [module for module in network.classifier.modules() if isinstance(module, nn.Linear)]
    for place, convolution in enumerate(convolutions):
        _become_half(convolution, ExchangingConv2d if place else nn.Conv2d)
    for linear in linears:
        linear.__class__ = GatheringLinear if linear is linears[-1] else ExchangingLinear
    for norm in network.features.modules():
        if isinstance(norm, ResponseNorm):
            norm.band = norm.band.chunk(TOWERS, 0)[tower].chunk(TOWERS, 1)[tower].contiguous()


def _become_half(convolution: nn.Conv2d, seeing_both: type[nn.Conv2d]) -> None:
    """Turn a convolution of two groups into one group of this tower's maps; one of a single group sees both towers."""
    convolution.out_channels //= TOWERS
    if convolution.groups == TOWERS:
        convolution.groups, convolution.in_channels = 1, convolution.in_channels // TOWERS
    else:
        convolution.__class__ = seeing_both
