"""A process of its own that fits exact kernel machines, and prints the most memory that each took, in bytes, as proc(5) counts it."""

import sys

import numpy as np
import torch

from alexnet.runtime.machine import forget_peak_memory, peak_memory
from alexnet.training.svm.kernel import KernelProblem
from alexnet.training.svm.rows import FeatureSet


def solved(n: int, classes: int, kernel: str, inputs: int) -> None:
    """Noise for features: nearly every image becomes a support vector, which takes the most memory."""
    rng = np.random.default_rng(0)
    features = FeatureSet(rng.random((n, inputs)).astype(np.float16), np.arange(n, dtype=np.int64) % classes)
    machine = KernelProblem(features, classes=classes, kernel=kernel, gamma=0.5, device=torch.device("cpu")).solve(1.0).machine
    assert len(machine.support) > 0.8 * n


def taken(n: int, classes: int, kernel: str, inputs: int) -> int:
    """Bytes; -1 where the system does not say. Libraries take memory of their own when they are first used, so a small one goes before."""
    solved(150, 2, kernel, inputs)
    forget_peak_memory()
    before = peak_memory()
    solved(n, classes, kernel, inputs)
    after = peak_memory()
    return -1 if before is None or after is None else after - before


if __name__ == "__main__":
    for case in sys.argv[1:]:
        n, classes, kernel, inputs = case.split(",")
        print(taken(int(n), int(classes), kernel, int(inputs)))
