"""A linear machine on every layer of a network: how well the layer's output tells the classes. For `studies.on_request`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alexnet.data.curation.splits import Splits
from alexnet.data.pipeline.augment import centre_crop
from alexnet.data.pipeline.image_store import ImageStore
from alexnet.models.networks.model import NetworkModel
from alexnet.models.networks.stages import stage_names, stages
from alexnet.training.layer_probes import MOST_JUDGED, MOST_TRAINING, MOST_VALIDATION, pooled, probed_classes, rows_of, scale_of

AT_ONCE = 250  # images
Samples = tuple[Sequence[int], Sequence[int], Sequence[int]]  # that a machine is fitted to, that choose its C, that judge it


@dataclass(frozen=True, kw_only=True, slots=True)
class Probed:
    """The error of each layer's machine, 0 to 1, first to last; of the last hidden layer's, whether it missed each judged image."""

    errors: Mapping[str, float]
    wrong: Sequence[bool]


def probe_layers(model: NetworkModel, store: ImageStore, splits: Splits, *, seed: int, device: torch.device) -> Probed:
    """Every stage of the network, on training images, with C chosen on validation images, judged on the images that judge the run.

    In the precision of the surrounding autocast. Nothing for a network that another library builds, whose layers are not told apart.
    """
    samples = samples_of(splits)
    if not stage_names(model.network) or not all(samples):
        return Probed(errors={}, wrong=())
    outputs = [_outputs(model, store, sample, device) for sample in samples]
    *known, judged = (store.labels_of(sample) for sample in samples)
    errors, wrong = dict[str, float](), np.zeros(0, np.bool_)
    for name in stage_names(model.network):
        scale = scale_of(outputs[0][name])
        rows = [rows_of(one[name], scale) for one in outputs]
        wrong = probed_classes(rows, known, classes=model.classes, seed=seed, device=device) != judged
        errors[name] = float(wrong.mean())
    return Probed(errors=errors, wrong=wrong.tolist())


def samples_of(splits: Splits) -> Samples:
    """The images of a probe, spread evenly over their splits. Without a test set, half of the validation images judge."""
    chooses, judges = (splits.validation, splits.test) if splits.test else (splits.validation[::2], splits.validation[1::2])
    return _some(splits.train, MOST_TRAINING), _some(chooses, MOST_VALIDATION), _some(judges, MOST_JUDGED)


def _some(indices: Sequence[int], most: int) -> Sequence[int]:
    return indices[:: max(1, -(-len(indices) // most))]


def _outputs(model: NetworkModel, store: ImageStore, indices: Sequence[int], device: torch.device) -> dict[str, Tensor]:
    """The pooled output of each stage for these images, (n, d), on the CPU."""
    model.eval()
    parts: dict[str, list[Tensor]] = {}
    batches = [indices[start : start + AT_ONCE] for start in range(0, len(indices), AT_ONCE)]
    for images in store.stream(batches, device):
        with torch.inference_mode():
            for name, values in stages(model, centre_crop(images, model.image_size)):
                parts.setdefault(name, []).append(pooled(values).cpu())
    return {name: torch.cat(found) for name, found in parts.items()}
