"""A network together with the normalisation of its uint8 RGB images, which is saved with the model."""

import torch
from torch import Tensor, nn

from alexnet.errors import BadModel
from alexnet.models.image_model import ImageModel
from alexnet.models.networks.network import Network

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow and OpenCV convert to gray


class Normalise(nn.Module):
    """uint8 (N, 3, H, W) -> float (N, channels, H, W): minus the training mean, divided by `std`.

    mean, std: one number per channel, on the scale 0-255; with one number each, images are converted to gray. std = 1 keeps the paper's
    0-255 range (trap 6).
    """

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        if len(mean) != len(std) or len(mean) not in (1, 3) or min(std) <= 0:
            raise BadModel(f"Preprocessing has mean {mean} and std {std}; both need 1 or 3 numbers, std above 0.")
        self.mean: Tensor
        self.scale: Tensor
        self.luma: Tensor
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("scale", 1.0 / torch.tensor(std).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        pixels = images.to(self.mean.dtype)
        if self.mean.shape[1] == 1:
            pixels = (pixels * self.luma).sum(1, keepdim=True)
        return (pixels - self.mean).mul_(self.scale)


class NetworkModel(ImageModel):
    """A `Network` as an ImageModel: its pixels are normalised, its scores are float32 (float64 in fp64), divided by `temperature`."""

    def __init__(self, network: Network, normalise: Normalise) -> None:
        super().__init__()
        self.network, self.normalise = network, normalise
        self.keeps_statistics = False  # of batch norm, in training too
        self.temperature = 1.0  # changes no answer, only how certain it is
        self.image_size, self.classes = network.image_size, network.classes

    def train(self, mode: bool = True) -> "NetworkModel":
        """As PyTorch's; batch norm stays as in evaluation if it keeps its statistics."""
        super().train(mode)
        for module in self.modules() if mode and self.keeps_statistics else ():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        return self._tempered(self.network(self._pixels(images)))

    def learned(self) -> dict[str, Tensor]:
        """The network's weights by the names of its state dict."""
        return dict(self.network.state_dict())

    def hidden(self, images: Tensor) -> Tensor:
        """The last hidden layer of uint8 images: (N, units)."""
        return self.network.hidden(self._pixels(images))

    def scores_of(self, hidden: Tensor) -> Tensor:
        return self._tempered(self.network.classifier[-1](hidden))

    def dense_scores(self, images: Tensor) -> Tensor:
        return self._tempered(self.network.dense(self._pixels(images)))

    def prepared(self, images: Tensor) -> Tensor:
        """The first layer's input for uint8 images: normalised pixels with the network's margin of zeros."""
        return self.network.framed(self._pixels(images))

    def _tempered(self, scores: Tensor) -> Tensor:
        exact = scores if scores.dtype == torch.float64 else scores.float()
        return exact if self.temperature == 1 else exact / self.temperature

    def _pixels(self, images: Tensor) -> Tensor:
        pixels: Tensor = self.normalise(images)
        return pixels.contiguous(memory_format=torch.channels_last)
