"""Linear probes: how well a linear machine on a layer's output tells the classes (Alain and Bengio 2016, arXiv 1610.01644).

Independent of which layers and images are probed.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from alexnet.training.svm.config import SolverConfig
from alexnet.training.svm.model_selection import choose
from alexnet.training.svm.rows import FeatureSet

DIMENSIONS = 1_024  # of a layer's output at most, after its maps are averaged over parts
STRENGTHS = "0.03,0.3,3"  # values of C, of which validation chooses one
MOST_TRAINING, MOST_VALIDATION, MOST_JUDGED = 1_500, 500, 1_000  # images of a probe


def pooled(values: Tensor) -> Tensor:
    """A layer's output, (N, C, h, w) or (N, units), as at most DIMENSIONS numbers per image: maps are averaged over a grid of parts."""
    values = values.float()
    if values.dim() == 2:
        return values
    side = max(1, min(values.shape[-1], int((DIMENSIONS / values.shape[1]) ** 0.5)))
    return functional.adaptive_avg_pool2d(values, side).flatten(1)


def scale_of(training: Tensor) -> float:
    """What divides a layer's outputs, (n, d) of the training images, so that half precision can hold them."""
    return float(training.abs().max().clamp(min=1e-12))


def rows_of(outputs: Tensor, scale: float) -> NDArray[np.float16]:
    """Pooled outputs (n, d) divided by the scale of the training images, which every sample shares."""
    return np.asarray((outputs / scale).half().numpy())


def probed_classes(
    rows: Sequence[NDArray[np.float16]], labels: Sequence[NDArray[np.int64]], *, classes: int, seed: int, device: torch.device
) -> NDArray[np.int64]:
    """The classes that a linear machine names for the judged images, int64 (n,).

    rows: of the images that it is fitted to, of those that choose its C, and of the judged ones; labels: of the first two.
    """
    training, validation = (FeatureSet(*one) for one in zip(rows[:2], labels, strict=True))
    config = SolverConfig(kernel="linear", refit=False, strengths=STRENGTHS)
    choice = choose(training, validation, classes=classes, kernel="linear", config=config, seed=seed, device=device)
    with torch.inference_mode():
        named = choice.machine(torch.from_numpy(rows[2]).float().to(device)).argmax(1)
    return np.asarray(named.cpu().numpy())
