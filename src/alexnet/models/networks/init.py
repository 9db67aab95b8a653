"""Initial weights: the table's normal distributions, He's, Xavier's or PyTorch's schemes, or convolutions that pass their input on."""

import math

import torch
from torch import Tensor, nn

from alexnet.models.networks.architecture import Architecture, Conv, Full
from alexnet.models.networks.layers import LocalConv2d, fan

GAIN = {"relu": math.sqrt(2.0), "tanh": 5.0 / 3.0, "sigmoid": 4.0, "gelu": 1.5335}  # preserves the signal's mean square


Weighted = nn.Conv2d | nn.Linear | LocalConv2d


@torch.no_grad()
def initialise(modules: list[tuple[str, nn.Module]], architecture: Architecture) -> None:
    """Draw every weight and set every bias of the named layers, in their order, from torch's global generator.

    Layers on the device "meta" have shapes and no numbers, and are left as they are.
    """
    rows: dict[str, Conv | Full] = {conv.name: conv for conv in architecture.convs}
    rows |= {full.name: full for full in architecture.hidden}
    for name, module in modules:
        if isinstance(module, Weighted) and not module.weight.is_meta:
            row = rows.get(name)
            _set(module, architecture, row.std if row else architecture.output_std, row.bias if row else 0.0)


def _set(module: Weighted, architecture: Architecture, std: float, bias: float) -> None:
    scheme = architecture.initialisation
    assert module.bias is not None
    if scheme == "pytorch":
        bound = _draw_default(module.weight)
        nn.init.uniform_(module.bias, -bound, bound)
        return
    module.bias.fill_(bias if scheme in ("table", "program-2012") else 0.0)
    if scheme == "dirac" and not isinstance(module, nn.Linear):
        _draw_default(module.weight)
        _pass_on(module)
        return
    if scheme == "program-2012" and isinstance(module, nn.Conv2d) and module.kernel_size[0] == 3:
        std = 0.03  # conv3-5 in the 2012 program
    _draw(module.weight, scheme, std, GAIN[architecture.activation])


def _draw_default(weight: Tensor) -> float:
    """PyTorch's own scheme, uniform within the bound that is returned: a standard deviation of 1 / sqrt(3 x inputs)."""
    bound = 1 / math.sqrt(fan(weight)[0])
    nn.init.uniform_(weight, -bound, bound)
    return bound


def _pass_on(layer: nn.Conv2d | LocalConv2d) -> None:
    """Let the first maps of each tower be the tower's inputs, unchanged; the others, and local layers, keep their weights.

    Zagoruyko and Komodakis 2017 (arXiv 1706.00388); where there are more maps than inputs, as in Jordan 2024 (arXiv 2404.00498).
    """
    if isinstance(layer, nn.Conv2d):
        for maps in layer.weight.chunk(layer.groups):
            nn.init.dirac_(maps[: maps.shape[1]])


def _draw(weight: Tensor, scheme: str, std: float, gain: float) -> None:
    inputs, outputs = fan(weight)
    if scheme == "he":
        nn.init.normal_(weight, 0.0, gain / math.sqrt(inputs))
    elif scheme == "images":
        nn.init.orthogonal_(weight)  # `calibrate` sets the scale from the training images
    elif scheme == "xavier":
        bound = math.sqrt(6.0 / (inputs + outputs))
        nn.init.uniform_(weight, -bound, bound)
    else:
        nn.init.normal_(weight, 0.0, std)
