"""One pass of images through a network: what each stage computes of them, in arrays that are made once. Independent of what reads them.

Small results that are collected batch by batch would lie between the large blocks that each batch frees, and keep malloc from reusing
these: the heap would grow with the pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from alexnet.data.pipeline.augment import centre_crop
from alexnet.explanations.subject import Subject, batches
from alexnet.models.networks.model import NetworkModel
from alexnet.models.networks.stages import stages
from alexnet.runtime.device import autocast
from alexnet.training.layer_probes import pooled


@dataclass(frozen=True, slots=True)
class Peaks:
    """Where n images excite a stage's C channels most.

    values: float32 (n, C), each channel's maximum; places: int32 (n, C), its position, counted row by row; side: positions a side.
    """

    values: Tensor
    places: Tensor
    side: int


@dataclass(frozen=True, slots=True)
class StageOutputs:
    """What a stage computes of n images. features: float32 (n, d), as a probe reads them; peaks: if they were asked for."""

    features: Tensor
    peaks: Peaks | None

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        own = self.features.nbytes
        return own if self.peaks is None else own + self.peaks.values.nbytes + self.peaks.places.nbytes


def outputs_of(subject: Subject, network: NetworkModel, indices: Sequence[int], *, peaks: bool = False) -> dict[str, StageOutputs]:
    """What each stage of a network computes of the images `indices` of the store."""
    classifier, found, done = subject.classifier, dict[str, StageOutputs](), 0
    for images in subject.store.stream(batches(indices), classifier.device):
        rows = slice(done, done + len(images))
        with torch.inference_mode(), autocast(classifier.precision, classifier.device):
            for name, values in stages(network, centre_crop(images, subject.size)):
                features = pooled(values)
                if name not in found:
                    found[name] = _room(len(indices), features, values if peaks else None)
                found[name].features[rows] = features.cpu()
                _add_peaks(found[name].peaks, rows, values)
        done = rows.stop
    return found


def _room(count: int, features: Tensor, values: Tensor | None) -> StageOutputs:
    """Arrays for `count` images, from the first batch: its features (N, d) and, for peaks, the stage's output."""
    own = torch.empty(count, features.shape[1])
    if values is None:
        return StageOutputs(own, None)
    shape, side = (count, values.shape[1]), values.shape[-1] if values.dim() == 4 else 1
    return StageOutputs(own, Peaks(torch.empty(shape), torch.empty(shape, dtype=torch.int32), side))


def _add_peaks(peaks: Peaks | None, rows: slice, values: Tensor) -> None:
    """One batch of a stage's output, (N, C, h, w) or (N, units)."""
    if peaks is None:
        return
    best = (values.flatten(2) if values.dim() == 4 else values[:, :, None]).float().max(2)
    peaks.values[rows], peaks.places[rows] = best.values.cpu(), best.indices.cpu().int()
