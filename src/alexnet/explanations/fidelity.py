"""How far a map can be trusted: whether it depends on what was learned, and whether the pixels that it names decide.

Control: Adebayo et al. 2018, Sanity Checks for Saliency Maps. Deletion and insertion: Petsiuk, Das, Saenko 2018, RISE.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from alexnet.explanations.stages import untrained
from alexnet.inference.classifier import BATCH, Classifier
from alexnet.models.handcrafted.model import HandcraftedModel, rebuild
from alexnet.models.image_model import ImageModel
from alexnet.models.linear_probe import LinearProbe
from alexnet.models.networks.model import NetworkModel

STEPS = 10  # of deletion and insertion, each with the same number of pixels
RANDOM_MAPS = 2
CELLS = 14  # a side, of a random map: as coarse as an occlusion map


@dataclass(frozen=True, slots=True)
class Scores:
    """Areas under the curves of the class's probability, 0..1: a good map has a low deletion and a high insertion."""

    deletion: float
    insertion: float


def scores_of_maps(classifier: Classifier, image: Tensor, class_index: int, maps: Sequence[Tensor]) -> list[Scores]:
    """Cover the pixels that each map (S, S) names first, step by step; and uncover them, on an image of the mean colour.

    All maps share their curves' ends, the whole image and the covered one, and the model sees many steps at once.
    """
    colour = image.float().mean(dim=(1, 2), keepdim=True).round().to(torch.uint8)
    shown = [image, colour.expand_as(image)]
    for found in maps:
        gone = _ranks(found) < torch.arange(1, STEPS).view(-1, 1, 1, 1) / STEPS
        shown += [*torch.where(gone, colour, image), *torch.where(gone, image, colour)]
    parts = [classifier.probabilities(torch.stack(shown[first : first + BATCH])) for first in range(0, len(shown), BATCH)]
    curve = torch.cat(parts)[:, class_index]
    whole, covered, between = curve[:1], curve[1:2], curve[2:].view(len(maps), 2, STEPS - 1)
    return [
        Scores(_area(torch.cat([whole, deleted, covered])), _area(torch.cat([covered, inserted, whole]))) for deleted, inserted in between
    ]


def _ranks(found: Tensor) -> Tensor:
    """The share of the pixels that a map names before each pixel: (S, S)."""
    ranks = torch.empty(found.numel())
    ranks[found.flatten().argsort(descending=True, stable=True)] = torch.arange(found.numel()) / found.numel()
    return ranks.view(found.shape)


def _area(curve: Tensor) -> float:
    return float(torch.trapezoid(curve)) / STEPS


def random_maps(side: int, seed: int) -> list[Tensor]:
    """Maps that name random cells, (side, side)."""
    random = torch.Generator().manual_seed(seed)
    place = (torch.arange(side) * CELLS) // side
    return [torch.rand(CELLS, CELLS, generator=random)[place][:, place] for _ in range(RANDOM_MAPS)]


def mean_scores(found: Sequence[Scores]) -> Scores:
    """The means of both areas."""
    return Scores(*(sum(getattr(one, name) for one in found) / len(found) for name in ("deletion", "insertion")))


def correlation(one: Tensor, other: Tensor) -> float | None:
    """Pearson's correlation of two maps; None if one of them is the same everywhere."""
    a, b = one.double().flatten() - one.double().mean(), other.double().flatten() - other.double().mean()
    lengths = float(a.norm() * b.norm())
    return float(a @ b) / lengths if lengths > 0 else None


def unlearned(classifier: Classifier, images: Tensor, seed: int) -> Classifier:
    """The classifier with nothing learned: a network with new initial weights, any other machine with its numbers shuffled.

    images: uint8 (N, 3, S, S), which some initialisations need.
    """
    return Classifier(_unlearned(classifier, images, seed), replace(classifier.model_card), device=str(classifier.device))


def _unlearned(classifier: Classifier, images: Tensor, seed: int) -> ImageModel:
    model = classifier.model
    if isinstance(model, NetworkModel):
        return untrained(model, classifier.model_card, images, seed)
    if isinstance(model, LinearProbe):
        return LinearProbe(untrained(model.model, classifier.model_card, images, seed), shuffled(model.machine, seed))
    assert isinstance(model, HandcraftedModel)
    assert classifier.model_card.machine is not None
    copy = rebuild(model.config, classifier.model_card.machine, model.learned(), image_size=model.image_size, classes=model.classes)
    copy.machine = shuffled(copy.machine, seed)
    return copy


def shuffled(machine: nn.Module, seed: int) -> nn.Module:
    """The machine with the numbers of its weights (or coefficients) in another order."""
    from copy import deepcopy

    changed, random = deepcopy(machine), torch.Generator().manual_seed(seed)
    for name, values in changed.named_buffers():
        if name in ("weights", "coefficients"):
            order = torch.randperm(values.numel(), generator=random).to(values.device)
            values.copy_(values.flatten()[order].view_as(values))
    return changed
