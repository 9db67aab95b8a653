"""Layers that PyTorch lacks, or whose implementation there is slow: response normalisation, local layers, mixed pooling.

Fast on channels_last tensors in bf16: neighbouring maps are then adjacent in memory, and a sum over neighbours is a product
with a small banded matrix.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

ROWS_AT_A_TIME = 16_384  # positions; the intermediate results of a slice stay in the CPU's cache


def response_norm(activations: Tensor, *, neighbours: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0) -> Tensor:
    """Damp each activation by the energy of the neighbouring maps (paper 3.3).

    activations: (N, maps, H, W), after the ReLU; the result has the same shape.
    As in the 2012 program (and Caffe and PyTorch), alpha is divided by `neighbours`; the paper's printed formula does
    not divide, so its alpha = 1e-4 is 5e-4 here.
    """
    band = neighbour_band(activations.shape[1], neighbours, towers=1).to(activations)
    return _normalise(activations, band * (alpha / neighbours), k, beta)


def neighbour_band(maps: int, neighbours: int, towers: int) -> Tensor:
    """(maps, maps) of 0 and 1: which maps are neighbours. Maps of different towers never are."""
    index = torch.arange(maps)
    distance = index[:, None] - index[None, :]
    near = (distance >= -(neighbours // 2)) & (distance <= (neighbours - 1) // 2)
    tower = index // (maps // towers)
    return (near & (tower[:, None] == tower[None, :])).float()


class ResponseNorm(nn.Module):
    """Local response normalisation across maps, separately in each of `towers` equal groups of them (trap 2).

    The band holds 0 and 1 and is scaled in `forward`, in the precision of the activations: alpha / neighbours, rounded once to float32,
    would be wrong by 1e-8 in float64.
    """

    def __init__(self, maps: int, *, towers: int, neighbours: int, alpha: float, beta: float, k: float) -> None:
        super().__init__()
        self.strength, self.beta, self.k = alpha / neighbours, beta, k
        self.band: Tensor
        self.register_buffer("band", neighbour_band(maps, neighbours, towers), persistent=False)

    def forward(self, activations: Tensor) -> Tensor:
        return _normalise(activations, self.band.to(activations.dtype) * self.strength, self.k, self.beta)


class SameMapNorm(nn.Module):
    """Damp each activation by the energy of a window around it in its own map, as in cuda-convnet's 18% network."""

    def __init__(self, *, side: int, alpha: float, beta: float, k: float) -> None:
        super().__init__()
        self.side, self.alpha, self.beta, self.k = side, alpha, beta, k

    def forward(self, activations: Tensor) -> Tensor:
        energy = functional.avg_pool2d(activations.square(), self.side, 1, self.side // 2, count_include_pad=True)
        return activations * (self.k + self.alpha * energy).pow(-self.beta)


def _normalise(activations: Tensor, band: Tensor, k: float, beta: float) -> Tensor:
    normalised: Tensor = _BandedNorm.apply(activations, band, k, beta)
    return normalised


def _as_rows(maps: Tensor) -> Tensor:
    """(N, maps, H, W) as one row per position, (N H W, maps): a view if the memory is channels_last."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def _as_channels(rows: Tensor, like: Tensor) -> Tensor:
    n, maps, height, width = like.shape
    return rows.view(n, height, width, maps).permute(0, 3, 1, 2)


def _damping(denominator: Tensor, beta: float) -> Tensor:
    """denominator ** -beta; for beta = 3/4 by two square roots, ten times faster than a general power."""
    if beta != 0.75:
        return denominator.pow(-beta)
    root = denominator.rsqrt()
    damping: Tensor = root.mul_(root.sqrt())
    return damping


class _BandedNorm(torch.autograd.Function):
    """y = x (k + B x^2)^-beta over rows of neighbouring maps, and its exact gradient, slice by slice.

    dx = g d^-beta - 2 beta x B^T(g x d^(-beta-1)), with d = k + B x^2. Besides x, only d is saved in the forward pass.
    """

    @staticmethod
    def forward(ctx: Any, activations: Tensor, band: Tensor, k: float, beta: float) -> Tensor:
        rows = _as_rows(activations)
        maps = torch.empty_like(activations, memory_format=torch.channels_last)  # not a view, because an in-place ReLU may follow
        denominators, output = torch.empty_like(rows), _as_rows(maps)
        constant = torch.full((), k, dtype=rows.dtype, device=rows.device)
        for part in _slices(rows):
            x = rows[part]
            torch.addmm(constant, x * x, band, out=denominators[part])
            torch.mul(x, _damping(denominators[part], beta), out=output[part])
        ctx.save_for_backward(rows, denominators, band)
        ctx.beta = beta
        return maps

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        rows, denominators, band = ctx.saved_tensors
        upstream, across = _as_rows(gradients[0]), band.t()
        result = torch.empty_like(rows)
        for part in _slices(rows):
            x, d = rows[part], denominators[part]
            damped = upstream[part] * _damping(d, ctx.beta)
            shared = torch.mm((damped * x).div_(d), across).mul_(x)
            torch.sub(damped, shared, alpha=2 * ctx.beta, out=result[part])
        return _as_channels(result, gradients[0]), None, None, None


def _slices(rows: Tensor) -> list[slice]:
    step = ROWS_AT_A_TIME if rows.device.type == "cpu" else max(1, len(rows))
    return [slice(start, start + step) for start in range(0, len(rows), step)]


@dataclass(slots=True)
class Window:
    """The part of a batch's units that one worker of several computes."""

    images: int  # of the whole batch
    rows: range  # of the batch that this worker has; rows past `images` are padding
    place: int = 0  # among `sharers` equal shares of the units (or maps)
    sharers: int = 1


class Dropout(nn.Dropout):
    """Zero each unit with probability p and scale up the others (paper 4.2).

    With a `window`, the mask of the whole batch is drawn and a part of it used, so that several workers compute what one process does.
    """

    window: Window | None = None

    def forward(self, units: Tensor) -> Tensor:
        if self.window is None or not self.training or not self.p:
            return super().forward(units)
        window, kept = self.window, 1.0 - self.p
        whole = (window.images, units.shape[1] * window.sharers, *units.shape[2:])
        maps = units.dim() == 4 and units.is_contiguous(memory_format=torch.channels_last)
        order = torch.channels_last if maps else torch.contiguous_format  # torch's own dropout draws in memory order
        scale = torch.empty(whole, dtype=units.dtype, device=units.device, memory_format=order).bernoulli_(kept).div_(kept)
        mine = scale.chunk(window.sharers, dim=1)[window.place][window.rows.start : window.rows.stop]
        filling = units.new_ones((len(units) - len(mine), *units.shape[1:]))
        return units * torch.cat([mine, filling])


class LocalConv2d(nn.Module):
    """Connected like a convolution, but with separate weights at every position (cuda-convnet's "local")."""

    def __init__(self, channels_in: int, maps: int, kernel: int, *, stride: int, padding: int, side: int) -> None:
        super().__init__()
        self.kernel, self.stride, self.padding, self.side = kernel, stride, padding, side
        self.weight = nn.Parameter(torch.empty(side * side, kernel * kernel * channels_in, maps))
        self.bias = nn.Parameter(torch.zeros(side * side, maps))

    def forward(self, images: Tensor) -> Tensor:
        rows = functional.pad(images, (self.padding,) * 4).permute(0, 2, 3, 1)  # channels last: a window's row is contiguous
        span = self.stride * (self.side - 1) + 1
        offsets = [(top, left) for top in range(self.kernel) for left in range(self.kernel)]
        windows = torch.cat([rows[:, y : y + span : self.stride, x : x + span : self.stride] for y, x in offsets], dim=-1)
        positions = windows.flatten(1, 2).transpose(0, 1)  # (positions, N, inputs)
        outputs: Tensor = torch.baddbmm(self.bias[:, None].to(windows.dtype), positions, self.weight.to(windows.dtype))
        return outputs.transpose(0, 1).reshape(-1, self.side, self.side, outputs.shape[2]).permute(0, 3, 1, 2)


class MaxAndAveragePool2d(nn.Module):
    """The mean of max pooling and average pooling."""

    def __init__(self, kernel: int, stride: int, *, ceil: bool) -> None:
        super().__init__()
        self.kernel, self.stride, self.ceil = kernel, stride, ceil

    def forward(self, maps: Tensor) -> Tensor:
        largest = functional.max_pool2d(maps, self.kernel, self.stride, ceil_mode=self.ceil)
        return (largest + functional.avg_pool2d(maps, self.kernel, self.stride, ceil_mode=self.ceil)) / 2


def fan(weight: Tensor) -> tuple[int, int]:
    """The fan-in and fan-out of one unit, for He's and Xavier's initialisations; local weights are (positions, inputs, maps)."""
    if weight.dim() == 3:
        return weight.shape[1], weight.shape[2]
    receptive = math.prod(weight.shape[2:])
    return weight.shape[1] * receptive, weight.shape[0] * receptive
