"""Initial weights that depend on the training images: whitening filters, and the scale of every layer.

Layer-sequential unit variance after Mishkin and Matas 2015 (arXiv 1511.06422); whitening as a first layer is older than deep
networks (Coates and Ng 2011 whiten the patches that their features are learned from).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from alexnet.models.networks.model import NetworkModel

SMALLEST_SHARE = 1e-6  # of the largest variance; a direction with less is empty


@torch.no_grad()
def calibrate(model: NetworkModel, images: Tensor) -> None:
    """Set what the network takes from the training images; does nothing for most networks.

    images: uint8 (N, 3, S, S), a few hundred training images. Whitening layers are set in every initialisation. In the initialisation
    "images" every other layer except the last is scaled so that its outputs have a mean square of 1.
    """
    architecture = model.network.architecture
    whitening = {conv.name for conv in architecture.convs if conv.whitens}
    scales = architecture.initialisation == "images"
    if not (whitening or scales):
        return
    model.eval()
    maps = model.prepared(images)
    for name, module in model.network.features.named_children():
        if name in whitening and isinstance(module, nn.Conv2d):
            module.weight.copy_(whitening_filters(maps, module, architecture.whitening_epsilon))
            whitening.remove(name)
        if not (whitening or scales):
            return
        maps = _scaled(module, maps) if scales and isinstance(module, nn.Conv2d) else module(maps)
    _scale_hidden(model, model.network.avgpool(maps).flatten(1))


def _scale_hidden(model: NetworkModel, units: Tensor) -> None:
    *hidden, _ = model.network.classifier.children()
    for module in hidden:
        units = _scaled(module, units) if isinstance(module, nn.Linear) else module(units)


def whitening_filters(maps: Tensor, layer: nn.Conv2d, epsilon: float) -> Tensor:
    """The strongest principal directions of the patches that `layer` sees, each divided by its spread, with both signs.

    maps: (N, channels, H, W); the result has the shape of the layer's weight. epsilon: added to each variance, so that weak directions
    are not amplified too much. A direction and its opposite are two filters, because the nonlinearity after them passes one side of each.
    Any further filters keep their initial weights. Directions in which the patches do not differ (colours of gray images) are left out:
    their filters would respond only to rounding errors.
    """
    patches = functional.unfold(maps.float(), layer.kernel_size, stride=layer.stride).transpose(1, 2).flatten(0, 1)
    eigenvalues, directions = torch.linalg.eigh(patches.T @ patches / len(patches))
    present = int((eigenvalues > SMALLEST_SHARE * eigenvalues[-1]).sum())
    half = min(layer.out_channels // 2, present)
    strongest = (directions / (eigenvalues + epsilon).sqrt()).T.flip(0)[:half]
    rest = layer.weight.flatten(1)[2 * half :]
    return torch.cat([strongest, -strongest, rest]).view(layer.weight.shape)


def _scaled(layer: nn.Conv2d | nn.Linear, inputs: Tensor) -> Tensor:
    outputs: Tensor = layer(inputs)
    layer.weight /= outputs.float().square().mean().sqrt().clamp_min(1e-6)
    scaled: Tensor = layer(inputs)
    return scaled
