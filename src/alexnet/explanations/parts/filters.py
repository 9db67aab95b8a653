"""The first layer's filters: all on one scale, their selectivity for orientation and colour as numbers, and what the towers share."""

import base64
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alexnet.data.images.encode import png_bytes
from alexnet.errors import BadModel
from alexnet.explanations.drawing import enlarged, tiled
from alexnet.explanations.part import Content
from alexnet.explanations.subject import SEED, Subject
from alexnet.storage.spreadsheets import csv_text

DEAD = 0.05  # of the median length: a filter that is shorter has learned nothing
RANDOM_FILTERS = 2_000  # of the same shape, that say how selective a filter is by chance
SHUFFLES = 10_000
SHOWN = 256


def make(subject: Subject) -> Content:
    """The filters of a network; raises BadModel for a model without any."""
    network = subject.network.network
    first = next((module for module in network.features.modules() if isinstance(module, nn.Conv2d)), None)
    if first is None or min(first.kernel_size) < 3:
        raise BadModel(f"{network.architecture.name} has no filters of 3x3 pixels or more in its first layer.")
    weights = first.weight.detach().float().cpu()
    towers = network.architecture.towers
    random = torch.randn(RANDOM_FILTERS, *weights.shape[1:], generator=torch.Generator().manual_seed(SEED))
    oriented, coloured = orientation_selectivity(weights), colour_share(weights)
    values: dict[str, Any] = {
        "count": len(weights),
        "side": weights.shape[-1],
        "dead": int(dead(weights).sum()),
        "orientation": _selectivity(oriented, orientation_selectivity(random)),
        "colour": _selectivity(coloured, colour_share(random)) if weights.shape[1] == 3 else None,
        "towers": _towers(weights, towers),
        "sheets": [data_uri_of(part) for part in weights[:SHOWN].chunk(towers)],
    }
    rows = [(number, f"{o:.4f}", f"{c:.4f}") for number, (o, c) in enumerate(zip(oriented.tolist(), coloured.tolist(), strict=True))]
    table = csv_text([("filter", "orientation selectivity", "colour share"), *rows])
    return Content(values=values, files={"filters.png": png_bytes(sheet(weights)), "filters.csv": table})


def sheet(weights: Tensor) -> Tensor:
    """All filters side by side: zero is mid gray, the largest weight of all of them black or white, so that dead ones look dead."""
    colours = weights if weights.shape[1] == 3 else weights.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    pixels = (127.5 + 127.5 * colours / weights.abs().max().clamp(min=1e-12)).round().to(torch.uint8)
    side = max(24, weights.shape[-1])
    return tiled([enlarged(one, side) for one in pixels], 16)


def data_uri_of(weights: Tensor) -> str:
    """The sheet as a data: URI, in full size."""
    return f"data:image/png;base64,{base64.b64encode(png_bytes(sheet(weights))).decode()}"


def dead(weights: Tensor) -> Tensor:
    """Which filters are far shorter than the others."""
    lengths = weights.flatten(1).norm(dim=1)
    short: Tensor = lengths < DEAD * lengths.median()
    return short


def colour_share(weights: Tensor) -> Tensor:
    """The share of each filter's energy, 0..1, that a gray image cannot excite: what is orthogonal to equal weights of the three colours.

    weights: (n, C, k, k); 0 for one channel. A filter of random numbers has 2/3 on average.
    """
    total = weights.square().sum((1, 2, 3)).clamp(min=1e-24)
    gray = weights.mean(1, keepdim=True).expand_as(weights)
    return 1 - gray.square().sum((1, 2, 3)) / total


def orientation_selectivity(weights: Tensor) -> Tensor:
    """How far each filter prefers one orientation, 0..1: the length of the mean of exp(2 i angle) over its power spectrum.

    The spectrum is that of the channel combination with the most energy, so that colour edges count; the constant part is left out. A
    grating has 1, a blob or a checkerboard 0. weights: (n, C, k, k).
    """
    strongest = torch.linalg.svd(weights.flatten(2).double(), full_matrices=False).Vh[:, 0].view(len(weights), *weights.shape[2:])
    padded = max(32, weights.shape[-1])  # a finer spectrum: the directions of a 5 x 5 one are few
    power = torch.fft.fft2(strongest - strongest.mean((1, 2), keepdim=True), s=(padded, padded)).abs().square()
    frequency = torch.fft.fftfreq(padded, dtype=torch.float64)
    angle = torch.atan2(frequency[:, None], frequency[None])
    inside = (frequency[:, None].square() + frequency[None].square()).sqrt() <= 0.5  # a disc: the corners would prefer diagonals
    power = power * inside
    vector = (power * torch.exp(2j * angle)).sum((1, 2)).abs()
    selectivity: Tensor = vector / power.sum((1, 2)).clamp(min=1e-24)
    return selectivity.float()


def _selectivity(found: Tensor, random: Tensor) -> dict[str, float]:
    """The median, and the share of filters above 95% of random ones of the same shape; by chance, that is 5%."""
    limit = float(random.quantile(0.95))
    return {"median": float(found.median()), "chance": float(random.median()), "above": float((found > limit).float().mean())}


def _towers(weights: Tensor, towers: int) -> dict[str, Any] | None:
    """How differently the towers use colour, against random splits of the same filters into as many equal parts (paper, figure 3)."""
    if towers < 2 or weights.shape[1] != 3:
        return None
    shares = colour_share(weights).double().numpy()
    return {"means": [float(part.mean()) for part in np.split(shares, towers)], **specialisation(shares, towers)}


def specialisation(shares: NDArray[np.float64], towers: int) -> dict[str, float]:
    """The spread of the towers' mean colour shares, that of random splits, and how often a random split is spread as far (p-value)."""
    own = _spread(shares, towers)
    random = np.random.default_rng(SEED)
    chance = np.array([_spread(random.permutation(shares), towers) for _ in range(SHUFFLES)])
    return {"spread": own, "chance": float(chance.mean()), "p": float((1 + (chance >= own - 1e-12).sum()) / (1 + SHUFFLES))}


def _spread(shares: NDArray[np.float64], towers: int) -> float:
    means = [part.mean() for part in np.split(shares, towers)]
    return float(max(means) - min(means))
