"""Probabilities from an SVM's scores: one factor for all of them (Guo et al. 2017), and graded votes for a machine of pairs.

The targets are Platt's (1999): a few mistakes are assumed besides those that were seen, so that a machine without a mistake on a few
validation images does not become certain of everything.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from torch import Tensor

from alexnet.models.handcrafted.svm import KernelMachine, LinearMachine
from alexnet.training.svm.rows import FeatureSet

LARGEST_LOG_SCALE = 10.0
SHARPNESS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # of a vote, per unit of margin
ROWS_AT_A_TIME = 1_024


def calibrate(machine: LinearMachine | KernelMachine, scores: Tensor, labels: NDArray[np.int64]) -> float:
    """Scale the machine's scores by the factor that minimises the log loss of `scores` (N, classes); returns the factor.

    The order of the classes stays the same, so no error changes.
    """
    scale, _ = best_scale(scores, labels)
    multiply(machine, scale)
    return scale


def best_scale(scores: Tensor, labels: NDArray[np.int64]) -> tuple[float, float]:
    """The factor on scores (N, classes) with the lowest log loss against Platt's targets, and that loss in nats."""
    values, rows = scores.double().cpu().numpy(), np.arange(len(labels))
    doubt = 1.0 / (len(labels) + 2.0)
    others = max(1, values.shape[1] - 1)
    own = values[rows, labels]
    aim = (1.0 - doubt) * own + doubt * (values.sum(axis=1) - own) / others

    def log_loss(log_scale: float) -> float:
        scale = np.exp(log_scale)
        return float(np.mean(logsumexp(scale * values, axis=1) - scale * aim))

    found = minimize_scalar(log_loss, bounds=(-LARGEST_LOG_SCALE, LARGEST_LOG_SCALE), method="bounded")
    return float(np.exp(found.x)), float(found.fun)


def multiply(machine: LinearMachine | KernelMachine, scale: float) -> None:
    """Multiply the machine's scores by a factor."""
    if isinstance(machine, LinearMachine):
        machine.weights.mul_(scale)
        machine.bias.mul_(scale)
    else:
        machine.scale.mul_(scale)


def graded(machine: KernelMachine, validation: FeatureSet, device: torch.device, choices: Sequence[float] = SHARPNESS) -> Tensor:
    """Let the pairs of a machine vote by degrees, with the sharpness whose calibrated votes have the lowest log loss.

    Whole votes say nothing of how close they were: their softmax is nearly the same for every image. Returns the scores of the validation
    images (N, classes).
    """
    margins = _margins(machine, validation, device)
    losses = {sharpness: best_scale(machine.graded_votes(margins, sharpness), validation.labels)[1] for sharpness in choices}
    machine.sharpness = min(losses, key=lambda sharpness: losses[sharpness])
    return machine.graded_votes(margins, machine.sharpness)


def _margins(machine: KernelMachine, features: FeatureSet, device: torch.device) -> Tensor:
    parts = []
    for start in range(0, len(features), ROWS_AT_A_TIME):
        part = np.array(features.vectors[start : start + ROWS_AT_A_TIME], dtype=np.float32)
        parts.append(machine.margins(torch.from_numpy(part).to(device)))
    return torch.cat(parts)
