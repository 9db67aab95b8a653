"""The temperature of a network's scores (Guo et al. 2017): one number, by which a certainty of 80% is right in about 80% of the answers.

A network is too certain of images that it has learned by heart, and too uncertain if its labels were smoothed. Validation images, which
it was not trained on, tell; no answer changes.
"""

import numpy as np
import torch

from alexnet.data.curation.splits import Splits
from alexnet.data.pipeline.batches import plain_batches
from alexnet.evaluation.batches import images_at_once
from alexnet.models.networks.model import NetworkModel
from alexnet.runs.context import RunContext
from alexnet.runs.prepared import Prepared
from alexnet.runtime.device import Precision, autocast, choose_precision
from alexnet.training.svm.calibration import best_scale

MOST_IMAGES = 5_000  # more tell one number no better
LARGEST = 5.0  # of the temperature, and its reciprocal


def images_judged(splits: Splits) -> int:
    """How many validation images `best_temperature` classifies."""
    return min(MOST_IMAGES, len(splits.validation))


def best_temperature(model: NetworkModel, context: RunContext, prepared: Prepared, precision: Precision) -> float:
    """The temperature with the lowest log loss on the validation images, from 1/5 to 5; the first worker's, on all workers.

    model: with its last weights, whose temperature is 1.
    """
    found = _measured(model, context, prepared, precision) if context.world.first else 0.0
    (shared,) = context.world.from_first(found)
    return shared


def _measured(model: NetworkModel, context: RunContext, prepared: Prepared, precision: Precision) -> float:
    validation = np.asarray(prepared.splits.validation)
    chosen = validation[np.linspace(0, len(validation) - 1, images_judged(prepared.splits)).round().astype(int)]
    size, device = model.image_size, context.device
    batches = plain_batches(prepared.images, chosen.tolist(), size=size, batch_size=images_at_once(size, device), device=device)
    model.eval()
    with torch.inference_mode(), autocast(choose_precision(precision, device), device):
        scores = torch.cat([model(images).double().cpu() for images, _ in batches])
    scale, _ = best_scale(scores, prepared.images.labels_of(chosen.tolist()))
    return float(np.clip(1 / scale, 1 / LARGEST, LARGEST))
