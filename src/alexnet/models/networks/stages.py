"""The layers of a network one after the other: what each computes of images.

A stage is a convolution or a hidden fully connected layer with all that follows it before the next one: pooling, activation,
normalisation; of a network made of blocks, a block. Independent of data sets.
"""

from collections.abc import Generator, Iterable, Iterator

from torch import Tensor, nn

from alexnet.models.networks.efficientnet_lite import ConvNorm, MBConv
from alexnet.models.networks.layers import LocalConv2d
from alexnet.models.networks.mixer_layers import MixerLayer
from alexnet.models.networks.model import NetworkModel
from alexnet.models.networks.network import Network


def stage_names(network: Network) -> list[str]:
    """The names of the stages: those of the architecture's convolutions and hidden layers."""
    architecture = network.architecture
    if architecture.blocks:
        return [name for name, module in network.features.named_children() if learns(module)]
    return [*(conv.name for conv in architecture.convs), *(full.name for full in architecture.hidden)]


def stages(model: NetworkModel, images: Tensor) -> Iterator[tuple[str, Tensor]]:
    """(name, output) of each stage for images (N, 3, S, S): (N, C, h, w), or (N, units) of a fully connected one."""
    network, names = model.network, iter(stage_names(model.network))
    values = yield from _outputs(network.features, names, model.prepared(images))
    yield from _outputs(network.classifier[:-1], names, network.avgpool(values).flatten(1))


def _outputs(modules: Iterable[nn.Module], names: Iterator[str], values: Tensor) -> Generator[tuple[str, Tensor], None, Tensor]:
    """(name, output) of each stage among these modules; returns what the last module computes."""
    name = None
    for module in modules:
        if learns(module):
            if name is not None:
                yield name, values
            name = next(names)
        values = module(values)
    if name is not None:
        yield name, values
    return values


def learns(module: nn.Module) -> bool:
    """Whether a stage begins with the module. A pooling may be a convolution as well; it has as many channels as groups or towers."""
    return isinstance(module, nn.Linear | LocalConv2d | ConvNorm | MBConv | MixerLayer) or (
        isinstance(module, nn.Conv2d) and not _pools(module)
    )


def _pools(module: nn.Conv2d) -> bool:
    return module.in_channels == module.out_channels and module.stride != (1, 1) and module.padding == (0, 0)
