"""Fisher vectors: gradients of the likelihood of an image's descriptors with respect to the means and spreads of a Gaussian mixture.

Source: Sanchez, Perronnin, Mensink, Verbeek, Image Classification with the Fisher Vector: Theory and Practice (IJCV 2013), equations 16-18
and section 2.3. Independent of where descriptors come from and of how the mixture was fitted.
"""

import math

import torch
from torch import Tensor, nn

from alexnet.models.handcrafted.spatial_pyramid import Cells

FURTHEST = 60.0  # a Gaussian whose log-likelihood is this much below the best has no visible effect


class FisherVector(nn.Module):
    """Descriptors -> PCA -> posteriors -> gradients by the means and variances of a diagonal mixture, for each cell of the image.

    projection (d, components) and offset (components,): descriptors @ projection - offset. weights (K,), means and variances
    (K, components): the mixture. The improved form: signed square roots, then unit length, cell by cell.
    """

    def __init__(self, *, projection: Tensor, offset: Tensor, weights: Tensor, means: Tensor, variances: Tensor, cells: Cells) -> None:
        super().__init__()
        for name, value in (
            ("projection", projection),
            ("offset", offset),
            ("weights", weights),
            ("means", means),
            ("variances", variances),
        ):
            self.register_buffer(name, value)
        self.projection: Tensor
        self.offset: Tensor
        self.weights: Tensor
        self.means: Tensor
        self.variances: Tensor
        self.cells = cells

    @property
    def dimensions(self) -> int:
        """Numbers of one image: cells x Gaussians x components x 2."""
        return self.cells.count * self.means.numel() * 2

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image: projection, posteriors, and statistics of each level of cells."""
        gaussians, components = self.means.shape
        one = components * len(self.projection) + 2 * gaussians * components * (1 + self.cells.levels)
        return self.cells.positions * one

    def forward(self, descriptors: Tensor) -> Tensor:
        """(N, P, d) -> (N, dimensions), each cell of unit length, or zero if it has no descriptors."""
        projected = (descriptors @ self.projection).sub_(self.offset)
        moments = torch.cat([projected, projected.square()], dim=-1)
        posteriors = _posteriors(self.log_joint(moments))
        vectors = [self._gradients(sums, mass, count) for sums, mass, count in self._statistics(posteriors, moments)]
        return torch.cat(vectors, dim=-1)

    def log_joint(self, moments: Tensor) -> Tensor:
        """log(w_k N(x; k)) up to a constant, (N, P, K), from [x, x^2], (N, P, 2 components), by one matrix product."""
        precision = 1 / self.variances
        linear = torch.cat([self.means * precision, -0.5 * precision], dim=1)
        constant = self.weights.log() - 0.5 * (self.variances.log() + self.means.square() * precision).sum(1)
        return (moments @ linear.T).add_(constant)

    def _statistics(self, posteriors: Tensor, moments: Tensor) -> list[tuple[Tensor, Tensor, int]]:
        """For each cell: the sums of q x and q x^2 (N, K, 2 components), of q (N, K, 1), and the number of descriptors, at least 1."""
        found = []
        for places in self.cells.places():
            inside, of_cell = (posteriors, moments) if places is None else (posteriors[:, places], moments[:, places])
            found.append((inside.transpose(1, 2) @ of_cell, inside.sum(1)[..., None], max(1, inside.shape[1])))
        return found

    def _gradients(self, sums: Tensor, mass: Tensor, count: int) -> Tensor:
        """One cell's improved Fisher vector, (N, 2 K components): by means, then by standard deviations (equations 17, 18)."""
        first, second = sums.chunk(2, dim=-1)
        spread, weights = self.variances.sqrt(), self.weights[:, None]
        by_mean = (first - mass * self.means).div_(spread * (count * weights.sqrt()))
        centred = (second - 2 * first * self.means).add_(mass * self.means.square())
        by_spread = centred.div_(self.variances).sub_(mass).div_(count * (2 * weights).sqrt())
        raw = torch.cat([by_mean.flatten(1), by_spread.flatten(1)], dim=1)
        return improved(raw)


def _posteriors(joint: Tensor) -> Tensor:
    """(N, P, K) -> posteriors, none below exp(-FURTHEST) of the largest: arithmetic on numbers near underflow takes twice the time."""
    return torch.softmax(torch.maximum(joint, joint.amax(-1, keepdim=True) - FURTHEST), dim=-1)


def improved(raw: Tensor) -> Tensor:
    """Signed square root, then unit length (IJCV 2013, section 2.3.1-2); a zero vector stays zero."""
    rooted = raw.abs().sqrt_().copysign_(raw)
    return rooted.div_(torch.linalg.vector_norm(rooted, dim=-1, keepdim=True).clamp_(min=math.sqrt(torch.finfo(raw.dtype).tiny)))
