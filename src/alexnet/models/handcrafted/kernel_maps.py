"""Explicit feature maps: a linear machine on the mapped features approximates a kernel machine. Independent of solvers."""

import math

import torch
from torch import Tensor, nn

from alexnet.models.handcrafted.kernels import kernel_matrix

CHI2_INTERVAL = 0.5  # between samples of the kernel's spectrum; with one sample besides 0, each value becomes three


class Chi2Map(nn.Module):
    """The additive chi-squared kernel, sum_d 2 x_d y_d / (x_d + y_d), approximated by a scalar product of vectors three times as long.

    features (N, D), at least 0 -> (N, 3 D). Vedaldi, Zisserman, Efficient Additive Kernels via Explicit Feature Maps (CVPR 2010), with
    scikit-learn's numbers (`AdditiveChi2Sampler(sample_steps=2)`). Values below 0 count as 0.
    """

    def forward(self, features: Tensor) -> Tensor:
        values = features.clamp_min(torch.finfo(features.dtype).tiny)
        root = (values * CHI2_INTERVAL).sqrt()
        phase = values.log() * CHI2_INTERVAL
        amplitude = root * math.sqrt(2 / math.cosh(math.pi * CHI2_INTERVAL))
        return torch.cat([root, amplitude * phase.cos(), amplitude * phase.sin()], dim=1)


class NystroemMap(nn.Module):
    """A kernel approximated by its values at some training vectors: k(x, components) K^(-1/2) (Williams, Seeger, NIPS 2000).

    components: (M, D); normalisation: (M, M), as in scikit-learn's `Nystroem`; features (N, D) -> (N, M).
    """

    components: Tensor
    normalisation: Tensor

    def __init__(self, components: Tensor, normalisation: Tensor, *, kernel: str, gamma: float) -> None:
        super().__init__()
        self.kernel, self.gamma = kernel, gamma
        self.register_buffer("components", components)
        self.register_buffer("normalisation", normalisation)

    def forward(self, features: Tensor) -> Tensor:
        return kernel_matrix(self.kernel, features, self.components, self.gamma) @ self.normalisation.t()
