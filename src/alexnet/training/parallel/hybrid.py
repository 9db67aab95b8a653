"""*One weird trick* (Krizhevsky 2014, arXiv 1404.5997): convolutions by images, fully connected layers by units.

The convolutions hold 4% of the weights and do 92% of the work: every worker has all of them and sees its share of the images, and
DistributedDataParallel adds their gradients. The fully connected layers hold 96% of the weights: each worker has a part of every layer and
sees the whole batch, whose last maps are gathered. Their weights and gradients stay on their worker; only activations are exchanged.

The first layer is divided by units (columns), all later ones by inputs (rows): a layer's outputs are summed over the workers and scattered
by units, which are the next layer's inputs; the scores are scattered by images.
"""

from itertools import takewhile

from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.nn.parallel import DistributedDataParallel

from alexnet.errors import BadModel, BadRecipe
from alexnet.models.networks.layers import Window
from alexnet.models.networks.model import NetworkModel
from alexnet.models.networks.network import Network
from alexnet.runtime.distributed import Workers
from alexnet.training.config import TrainingConfig
from alexnet.training.parallel.comm_hooks import hook
from alexnet.training.parallel.layout import Layout, reducer_options
from alexnet.training.parallel.split_linear import ImagesToUnits, UnitsToImages, UnitsToUnits, divide
from alexnet.training.parallel.sync_batch_norm import share_statistics

CLASSIFIER = "network.classifier."


class Hybrid(Layout):
    """Convolutions data-parallel, fully connected layers divided; `model`'s fully connected weights become DTensors."""

    name = "hybrid"

    def __init__(self, model: NetworkModel, world: Workers, config: TrainingConfig) -> None:
        super().__init__(model, world)
        network = model.network
        self.check(network, world, config)
        mesh = init_device_mesh(next(model.parameters()).device.type, (world.size,))
        first, *between, last = _linears(network)
        for name, kind in {first: ImagesToUnits, **dict.fromkeys(between, UnitsToUnits), last: UnitsToImages}.items():
            divide(network.classifier, name, kind, mesh)
            self.dims[f"{CLASSIFIER}{name}.weight"] = kind.weight_dim
            if kind.bias_dim >= 0:
                self.dims[f"{CLASSIFIER}{name}.bias"] = kind.bias_dim
        share_statistics(network.features)
        features = DistributedDataParallel(network.features, **reducer_options())
        features.register_comm_hook(None, hook(config.wire_precision))
        self.forward = _HybridForward(model, features)
        before = takewhile(lambda module: not isinstance(module, nn.Linear), network.classifier)
        self.before = {*network.features.modules(), *before}

    @classmethod
    def check(cls, network: Network, world: Workers, config: TrainingConfig) -> None:
        """Require fully connected layers behind convolutions, units that the workers can share equally, and no weight average."""
        _check(network, world)
        if config.averaging:
            raise BadRecipe(
                f"training.averaging is {config.averaging}; layout hybrid cannot average weights. Set it to 0, or use --layout data."
            )

    def window(self, module: nn.Module, count: int) -> Window:
        """Up to the first fully connected layer: this worker's images and all units; after it: all images and its share of the units."""
        if module in self.before:
            return Window(count, self.rows(count))
        filled = range(self.world.capacity(count) * self.world.size)
        return Window(count, filled, self.world.rank, self.world.size)

    def scorer(self, model: nn.Module) -> nn.Module:
        """The divided network: the workers need each other for validation too."""
        return self.forward


class _HybridForward(nn.Module):
    """uint8 images (n, 3, S, S) of this worker -> their scores (n, classes); n is the same on all workers."""

    def __init__(self, model: NetworkModel, features: DistributedDataParallel) -> None:
        super().__init__()
        self.model, self.features = model, features

    def forward(self, images: Tensor) -> Tensor:
        network = self.model.network
        convolve = self.features if self.training else network.features
        maps = network.avgpool(convolve(self.model.prepared(images)))
        scores: Tensor = network.classifier(maps.flatten(1))
        return scores


def _linears(network: Network) -> list[str]:
    return [name for name, module in network.classifier.named_children() if isinstance(module, nn.Linear)]


def _check(network: Network, world: Workers) -> None:
    architecture = network.architecture
    if not architecture.convs or len(_linears(network)) < 2:
        raise BadModel(
            f"Layout hybrid divides the fully connected layers behind convolutions; {architecture.name} has too few layers for it."
        )
    for full in architecture.hidden:
        if full.units % world.size:
            raise BadModel(
                f"{full.name} has {full.units:,} units, which {world.size} workers cannot share equally. "
                "Choose a number of workers that divides it, another network.hidden_units, or --layout data."
            )
