"""Human logic, measured: how far channels agree with concepts that can be computed on any image, layer by layer.

The concepts are edges in four orientations, red-green, blue-yellow and brightness, texture, and the foreground by saliency. A channel
agrees with the concept that its activations correlate with most, over images and positions. The control is the same channels with the
concepts of other images.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from alexnet.data.pipeline.augment import centre_crop
from alexnet.explanations.part import Content
from alexnet.explanations.subject import SEED, Subject
from alexnet.models.networks.stages import stages
from alexnet.runtime.device import autocast
from alexnet.storage.spreadsheets import csv_text

CONCEPTS = ("edge-0", "edge-45", "edge-90", "edge-135", "red-green", "blue-yellow", "brightness", "texture", "foreground")
IMAGES = 200
AT_ONCE = 32  # images
POSITIONS = 8  # a side, at most, of a layer's maps
SHUFFLES = 5
FEW = 2_000  # images: an honest sentence below, since object-like features need more
LUMA = (0.299, 0.587, 0.114)


def make(subject: Subject) -> Content:
    """The agreement of each layer's channels; raises BadModel for a system without layers."""
    network, classifier = subject.network, subject.classifier
    indices = subject.sample(subject.judged_split, IMAGES)
    seen = centre_crop(next(subject.store.stream([indices])), subject.size)
    outputs, maps = dict[str, list[Tensor]](), dict[int, list[Tensor]]()
    for part in seen.split(AT_ONCE):
        with torch.inference_mode(), autocast(classifier.precision, classifier.device):
            found = {name: _few_positions(values.float()).cpu() for name, values in stages(network, part.to(classifier.device))}
        for name, values in found.items():
            outputs.setdefault(name, []).append(values)
        for side, small in _at_sides(concept_maps(part), {values.shape[-1] for values in found.values()}):
            maps.setdefault(side, []).append(small)
    rows = [_agreement(name, torch.cat(parts), torch.cat(maps[parts[0].shape[-1]])) for name, parts in outputs.items()]
    table = [
        (row["layer"], concept, f"{row['share']:.4f}", f"{row['median']:.4f}", row["best"].get(concept, 0))
        for row in rows
        for concept in CONCEPTS
    ]
    return Content(
        values={"n": len(indices), "layers": rows, "few": len(subject.split("train")) < FEW, "n_train": len(subject.split("train"))},
        files={"concepts.csv": csv_text([("layer", "concept", "share above chance", "median correlation", "channels"), *table])},
    )


def _few_positions(values: Tensor) -> Tensor:
    """(N, C, h, w) with at most POSITIONS a side; a fully connected layer has one position."""
    if values.dim() == 2:
        return values[:, :, None, None]
    return functional.adaptive_avg_pool2d(values, min(POSITIONS, values.shape[-1]))


def _at_sides(maps: Tensor, sides: set[int]) -> Iterator[tuple[int, Tensor]]:
    """(side, maps) with as many positions a side as each layer has: (N, K, S, S) -> (N, K, side, side), a small part of the memory."""
    yield from ((side, functional.adaptive_avg_pool2d(maps, side)) for side in sides)


def _agreement(layer: str, values: Tensor, maps: Tensor) -> dict[str, Any]:
    """How many channels (N, C, h, w) agree with a concept (N, K, h, w) more than 95% of them do with those of other images."""
    own = correlations(values, maps)
    random = torch.Generator().manual_seed(SEED)
    shuffled = [correlations(values, maps[torch.randperm(len(maps), generator=random)]).amax(1) for _ in range(SHUFFLES)]
    limit = float(torch.cat(shuffled).quantile(0.95))
    strongest, concept = own.max(1)
    above = strongest > limit
    best = {name: int(((concept == number) & above).sum()) for number, name in enumerate(CONCEPTS)}
    return {
        "layer": layer,
        "channels": values.shape[1],
        "share": float(above.float().mean()),
        "median": float(strongest.median()),
        "chance": float(torch.cat(shuffled).median()),
        "best": {name: count for name, count in best.items() if count},
    }


def correlations(values: Tensor, maps: Tensor) -> Tensor:
    """Magnitudes of the correlations over images and positions: channels (N, C, h, w), concepts (N, K, h, w) -> (C, K).

    A channel, or a concept, that is the same everywhere has none.
    """
    rows = [functional.normalize(_centred(one), dim=1) for one in (values, maps)]
    return (rows[0] @ rows[1].T).abs().float()


def _centred(values: Tensor) -> Tensor:
    rows = values.double().transpose(0, 1).flatten(1)
    return rows - rows.mean(1, keepdim=True)


def concept_maps(images: Tensor) -> Tensor:
    """The concepts of uint8 (N, 3, S, S) images at each pixel: float32 (N, 9, S, S), in the order of CONCEPTS."""
    pixels = images.float() / 255
    gray = (pixels * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    red, green, blue = pixels.unbind(1)
    colours = torch.stack([red - green, blue - (red + green) / 2, gray[:, 0]], 1)
    window = max(3, images.shape[-1] // 16 * 2 + 1)
    return torch.cat([_edges(gray), colours, _spread(gray, window), saliency(gray)], 1)


def _edges(gray: Tensor) -> Tensor:
    """Gradient lengths shared among four orientations of the edge: 0 is horizontal, 90 vertical. (N, 1, S, S) -> (N, 4, S, S)."""
    across = functional.pad(gray[..., 2:] - gray[..., :-2], (1, 1))
    down = functional.pad(gray[..., 2:, :] - gray[..., :-2, :], (0, 0, 1, 1))
    length, angle = (across.square() + down.square()).sqrt(), torch.atan2(down, across) + math.pi / 2
    shares = [(2 * (angle - number * math.pi / 4)).cos().clamp(min=0) for number in range(4)]
    return torch.cat([length * share for share in shares], 1)


def _spread(gray: Tensor, window: int) -> Tensor:
    """The local standard deviation: texture."""
    mean = functional.avg_pool2d(gray, window, 1, window // 2, count_include_pad=False)
    square = functional.avg_pool2d(gray.square(), window, 1, window // 2, count_include_pad=False)
    return (square - mean.square()).clamp(min=0).sqrt()


def saliency(gray: Tensor) -> Tensor:
    """The spectral residual (Hou and Zhang, CVPR 2007) at 64 pixels: what is unusual in the image's spectrum. (N, 1, S, S), same shape."""
    small = functional.interpolate(gray, (64, 64), mode="area")
    spectrum = torch.fft.fft2(small)
    logarithm = spectrum.abs().clamp(min=1e-8).log()
    padded = functional.pad(logarithm, (1, 1, 1, 1), mode="circular")
    residual = logarithm - functional.avg_pool2d(padded, 3, 1)
    found = torch.fft.ifft2(torch.polar(residual.exp(), spectrum.angle())).abs().square()
    smooth = functional.avg_pool2d(found, 9, 1, 4, count_include_pad=False)
    return functional.interpolate(smooth, gray.shape[-2:], mode="bilinear", align_corners=False)
