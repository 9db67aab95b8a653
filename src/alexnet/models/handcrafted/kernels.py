"""Kernels between two sets of feature vectors, computed in slices so that memory stays bounded. Independent of machines."""

import torch
from torch import Tensor

from alexnet.errors import BadModel, did_you_mean

KERNELS = ("linear", "rbf", "chi2", "intersection")
VALUES_AT_A_TIME = 8_000_000  # in intermediate results


def kernel_matrix(kernel: str, left: Tensor, right: Tensor, gamma: float = 1.0) -> Tensor:
    """(n, m): the kernel between the rows of left (n, D) and right (m, D); raises BadModel for an unknown kernel.

    linear: x.y; rbf: exp(-gamma |x - y|^2); chi2: exp(-gamma sum_d (x_d - y_d)^2 / (x_d + y_d)), for values of at least 0, as in
    scikit-learn's `chi2_kernel`; intersection: sum_d min(x_d, y_d) (Swain and Ballard 1991).
    """
    if kernel == "linear":
        return left @ right.t()
    if kernel == "rbf":
        return squared_distances(left, right).mul_(-gamma).exp_()
    if kernel == "chi2":
        return chi2_distances(left, right).mul_(-gamma).exp_()
    if kernel == "intersection":
        return (left.sum(1)[:, None] + right.sum(1)[None, :] - torch.cdist(left, right, p=1)).div_(2)  # |x - y| = x + y - 2 min
    raise BadModel(f"No kernel is called '{kernel}'. {did_you_mean(kernel, KERNELS)}")


def squared_distances(left: Tensor, right: Tensor) -> Tensor:
    """(n, m): |x - y|^2 of all pairs of rows; both are centred at the mean of `right`, so that a large common offset loses no digits."""
    centre = right.mean(0)
    left, right = left - centre, right - centre
    distances = torch.addmm(right.square().sum(1)[None, :], left, right.t(), alpha=-2)
    return distances.add_(left.square().sum(1)[:, None]).clamp_min_(0)


def chi2_distances(left: Tensor, right: Tensor) -> Tensor:
    """(n, m): sum_d (x_d - y_d)^2 / (x_d + y_d) of all pairs of rows; a term is 0 where both values are 0."""
    result = left.new_empty(len(left), len(right))
    columns = max(1, min(len(right), VALUES_AT_A_TIME // max(1, left.shape[1])))
    rows = max(1, VALUES_AT_A_TIME // (columns * max(1, left.shape[1])))
    for top in range(0, len(left), rows):
        for start in range(0, len(right), columns):
            x, y = left[top : top + rows, None, :], right[None, start : start + columns, :]
            both = (x + y).clamp_min_(torch.finfo(left.dtype).tiny)
            result[top : top + rows, start : start + columns] = (x - y).square_().div_(both).sum(2)
    return result
