"""The torch network of an `Architecture`, for images of its own size or larger."""

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional

from alexnet.errors import BadModel
from alexnet.models.networks.architecture import MONOTONIC, Architecture, Conv
from alexnet.models.networks.borrowed.body import Body
from alexnet.models.networks.efficientnet_lite import block_modules
from alexnet.models.networks.init import initialise
from alexnet.models.networks.layers import Dropout, LocalConv2d, MaxAndAveragePool2d, ResponseNorm, SameMapNorm
from alexnet.models.networks.mixer_layers import mixing_modules
from alexnet.models.networks.shapes import Layer, feature_side, last_name, margins, steps_after, trace, trains_bias


class Network(nn.Module):
    """`features` (convolutions), then `classifier` (fully connected layers); normalised images in, scores out.

    input: float (N, channels, S, S) with S = image_size; output: (N, classes).
    """

    def __init__(self, architecture: Architecture, *, classes: int, channels: int, image_size: int) -> None:
        super().__init__()
        self.architecture, self.image_size, self.classes, self.channels = architecture, image_size, classes, channels
        self.layers = trace(architecture, classes=classes, channels=channels, image_size=image_size)
        self.grid = feature_side(self.layers) if architecture.convs or architecture.blocks else image_size
        features = _feature_modules(architecture, channels, self.layers, image_size)
        classifier = _classifier_modules(architecture, self.layers)
        initialise([*([] if architecture.borrowed else features), *classifier], architecture)
        self.features = _sequence(features, architecture.numbered)
        self.avgpool = _grid_pool(architecture)
        self.classifier = _sequence(classifier, architecture.numbered)

    def forward(self, images: Tensor) -> Tensor:
        channels = self.avgpool(self.features(self.framed(images)))
        scores: Tensor = self.classifier(channels.flatten(1))
        return scores

    def hidden(self, images: Tensor) -> Tensor:
        """The last hidden layer, (N, units), of images (N, channels, S, S)."""
        channels = self.avgpool(self.features(self.framed(images)))
        units: Tensor = self.classifier[:-1](channels.flatten(1))
        return units

    def fix(self, count: int) -> None:
        """Stop training the first `count` layers or blocks with weights, from the image on; the last layer is always trained."""
        layers = [module for module in (*self.features, *self.classifier[:-1]) if any(True for _ in module.parameters())]
        for module in layers[:count]:
            module.requires_grad_(False)

    def dense(self, images: Tensor) -> Tensor:
        """Scores at every position of images of at least the trained size: (N, channels, H, W) -> (N, classes, h, w).

        The first fully connected layer becomes a convolution whose window is the whole trained map, the others become 1x1 convolutions.
        """
        if self.architecture.borrowed:
            raise BadModel(f"{self.architecture.name} is evaluated at the size that it was trained for; use --views centre or ten.")
        if self.architecture.mixing is not None:
            raise BadModel(f"{self.architecture.name} mixes as many patches as it was trained with; use --views centre or ten.")
        if not all(conv.shared for conv in self.architecture.convs):
            raise BadModel(f"{self.architecture.name} has local layers, which fit only one picture size; use --views centre or ten.")
        channels = self.features(self.framed(images))
        if self.architecture.grid:
            height, width = (round(side * self.grid / self._trained_side()) for side in channels.shape[2:])
            pool = functional.adaptive_max_pool2d if self.architecture.grid_pooling == "max" else functional.adaptive_avg_pool2d
            channels = pool(channels, (height, width))
        return self._dense_classifier(channels)

    def _dense_classifier(self, channels: Tensor) -> Tensor:
        side = self.grid
        for module in self.classifier:
            if isinstance(module, nn.Linear):
                weight = module.weight.unflatten(1, (-1, side, side))
                channels, side = functional.conv2d(channels, weight, module.bias), 1
            else:
                channels = module(channels)
        return channels

    def _trained_side(self) -> int:
        """The side of the last maps at the trained size, before they are pooled to the grid."""
        return [layer.output[1] for layer in self.layers if len(layer.output) == 3][-2]

    def framed(self, images: Tensor) -> Tensor:
        """The images with the margin of zeros that the architecture requires."""
        height, width = images.shape[2:]
        sides = (*margins(self.architecture, width), *margins(self.architecture, height))
        return functional.pad(images, sides) if any(sides) else images


def _grid_pool(architecture: Architecture) -> nn.Module:
    if not architecture.grid:
        return nn.Identity()
    kind = nn.AdaptiveMaxPool2d if architecture.grid_pooling == "max" else nn.AdaptiveAvgPool2d
    return kind(architecture.grid)


def _sequence(modules: list[tuple[str, nn.Module]], numbered: bool) -> nn.Sequential:
    if numbered:
        return nn.Sequential(*(module for _, module in modules))
    return nn.Sequential(OrderedDict(modules))


def _feature_modules(architecture: Architecture, channels: int, layers: tuple[Layer, ...], image_size: int) -> list[tuple[str, nn.Module]]:
    if architecture.borrowed:
        return [("body", Body(architecture.name, channels=channels, image_size=image_size))]
    if architecture.stages:
        return block_modules(architecture, channels)
    if architecture.mixing is not None:
        return mixing_modules(architecture, channels, side=layers[0].output[1])
    modules: list[tuple[str, nn.Module]] = []
    sides = {layer.name: layer.output[1] for layer in layers if len(layer.output) == 3}
    for conv in architecture.convs:
        modules.append((conv.name, _convolution(architecture, conv, channels, sides[conv.name])))
        channels = conv.channels
        number = conv.name.removeprefix("conv").removeprefix("local")
        for step in _executed(architecture, conv):
            name = architecture.activation if step == "activation" else step
            modules.append((f"{name}{number}", _step(architecture, conv, step)))
    return modules


def _executed(architecture: Architecture, conv: Conv) -> list[str]:
    """The steps in a cheaper order with the same result: a monotonic nonlinearity may follow the maximum instead of preceding it."""
    steps = steps_after(architecture, conv)
    if conv.pool != "max" or architecture.activation not in MONOTONIC:
        return steps
    for place in range(len(steps) - 1):
        if steps[place : place + 2] == ["activation", "pool"]:
            return [*steps[:place], "pool", "activation", *steps[place + 2 :]]
    return steps


def _convolution(architecture: Architecture, conv: Conv, channels: int, side: int) -> nn.Module:
    if conv.shared:
        layer = nn.Conv2d(channels, conv.channels, conv.kernel, conv.stride, conv.padding, groups=conv.towers)
        assert layer.bias is not None
        layer.weight.requires_grad_(not conv.whitens)
        layer.bias.requires_grad_(trains_bias(architecture, conv))
        return layer
    return LocalConv2d(channels, conv.channels, conv.kernel, stride=conv.stride, padding=conv.padding, side=side)


def _step(architecture: Architecture, conv: Conv, step: str) -> nn.Module:
    if step == "activation":
        return activation(architecture)
    if step == "norm":
        return _norm(architecture, conv)
    if step == "batchnorm":
        return nn.BatchNorm2d(conv.channels)
    if step == "dropout":
        return Dropout(architecture.dropout)
    return _pool(architecture, conv)


def activation(architecture: Architecture) -> nn.Module:
    """A new module for the architecture's nonlinearity."""
    kinds = {"relu": nn.ReLU(inplace=True), "tanh": nn.Tanh(), "sigmoid": nn.Sigmoid(), "gelu": nn.GELU()}
    return kinds[architecture.activation]


def _norm(architecture: Architecture, conv: Conv) -> nn.Module:
    a = architecture
    if a.norm == "same-map":
        return SameMapNorm(side=a.norm_size, alpha=a.norm_alpha, beta=a.norm_beta, k=a.norm_k)
    towers = a.towers if a.norm == "within-towers" else 1
    return ResponseNorm(conv.channels, towers=towers, neighbours=a.norm_size, alpha=a.norm_alpha, beta=a.norm_beta, k=a.norm_k)


def _pool(architecture: Architecture, conv: Conv) -> nn.Module:
    kernel, stride, ceil = architecture.pool_kernel, architecture.pool_stride, architecture.pool_ceil
    if conv.pool == "max":
        return nn.MaxPool2d(kernel, stride, ceil_mode=ceil)
    if conv.pool == "average":
        return nn.AvgPool2d(kernel, stride, ceil_mode=ceil)
    if conv.pool == "max+average":
        return MaxAndAveragePool2d(kernel, stride, ceil=ceil)
    return nn.Conv2d(conv.channels, conv.channels, kernel, stride, groups=conv.towers)


def _classifier_modules(architecture: Architecture, layers: tuple[Layer, ...]) -> list[tuple[str, nn.Module]]:
    modules: list[tuple[str, nn.Module]] = []
    *hidden, last = [layer for layer in layers if layer.kind == "fully connected"] if not architecture.borrowed else layers[-1:]
    for layer in hidden:
        number = layer.name.removeprefix("fc")
        drop = [(f"dropout{number}", Dropout(architecture.dropout))] if _drops(architecture) else []
        linear = [(layer.name, _linear(layer)), (f"{architecture.activation}{number}", activation(architecture))]
        modules += [*drop, *linear] if architecture.dropout_place == "before-fc" else [*linear, *drop]
    if not hidden and _drops(architecture):
        modules.append(("dropout", Dropout(architecture.dropout)))
    modules.append((last_name(architecture), _linear(last)))
    return modules


def _drops(architecture: Architecture) -> bool:
    return architecture.dropout > 0 and architecture.dropout_place != "convolutions"


def _linear(layer: Layer) -> nn.Linear:
    units = layer.output[0]
    return nn.Linear(layer.macs // units, units)


def count_parameters(network: nn.Module) -> int:
    """The number of trainable parameters; frozen ones, such as whitening filters, do not count."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
