"""Dense SIFT as tensor operations: gradients in eight directions, pooled over 4 x 4 bins at every position of a grid (Lowe 2004).

Without interest points and rotation: every descriptor is upright and of the grid's size, as in the systems of 2011.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alexnet.models.handcrafted.grid import BINS, Grid, Window, smoothing_kernel
from alexnet.models.networks.model import LUMA

DIRECTIONS = 8
CLIP = 0.2  # the largest number in a unit descriptor (Lowe 2004, section 6.1)
FAINT = 2.0  # gray levels; a descriptor shorter than this before normalisation counts as flat, so that rounding is not amplified
TINY = 1e-30  # below any product of sums of gradients; the reciprocal of its square root is finite


class DenseSIFT(nn.Module):
    """uint8 images -> RootSIFT descriptors on a grid; see `Grid` for `bin_size`, `step`, `window`.

    smoothing: px, standard deviation of the blur before gradients are computed; 0 for none. root: square roots of the shares (Arandjelovic
    and Zisserman 2012), so that Euclidean distances are Hellinger distances; otherwise unit length.
    """

    dimensions = BINS**2 * DIRECTIONS

    def __init__(
        self, image_size: int, *, bin_size: int, step: int, smoothing: float = 0.0, window: Window = "triangle", root: bool = True
    ) -> None:
        super().__init__()
        self.grid = Grid(image_size, bin_size=bin_size, step=step, window=window)
        self.root = root
        self.blur: Tensor
        self.luma: Tensor
        self.register_buffer("blur", smoothing_kernel(smoothing) if smoothing else torch.empty(0), persistent=False)
        self.register_buffer("luma", torch.tensor(LUMA), persistent=False)

    @property
    def centres(self) -> Tensor:
        """(positions, 2): x and y as fractions of the image's side."""
        return self.grid.centres

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image's pooling."""
        return self.grid.macs(DIRECTIONS)

    def forward(self, images: Tensor) -> Tensor:
        """Uint8 (N, 3, S, S) -> float32 (N, positions, 128): bins row by row, eight directions each; zeros at flat positions."""
        return self.describe(self.maps(images))

    def maps(self, images: Tensor) -> Tensor:
        """The maps that scales with the same smoothing share: the gradients of the gray images, (N, 8, S, S)."""
        gray = torch.einsum("nchw,c->nhw", images.to(self.luma.dtype), self.luma)
        return directions(blurred(gray, self.blur) if self.blur.numel() else gray)

    def describe(self, maps: Tensor) -> Tensor:
        """The descriptors of images from their `maps`."""
        return _normalised(self.grid(maps).flatten(2), root=self.root)


def blurred(gray: Tensor, line: Tensor) -> Tensor:
    """Blur gray images (N, H, W) along both axes with the kernel `line` (k,); borders are mirrored."""
    radius = min(len(line) // 2, gray.shape[-1] - 1)
    cut = line[len(line) // 2 - radius : len(line) // 2 + radius + 1]  # the mirrored border cannot be wider than the image
    kernel = (cut / cut.sum()).view(1, 1, -1)
    padded = F.pad(gray[:, None], (radius,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, kernel[..., None, :]), kernel[..., None]).squeeze(1)


def directions(gray: Tensor) -> Tensor:
    """Gray (N, H, W) -> (N, 8, H, W): the length of each pixel's gradient, shared between the two nearest of eight directions.

    Direction k is at k * 45 degrees from the x axis towards the top of the image, as in OpenCV. Gradients are differences of the
    neighbours on both sides; a border pixel is its own neighbour.
    """
    padded = F.pad(gray[:, None], (1, 1, 1, 1), mode="replicate").squeeze(1)
    across = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    upwards = padded[:, :-2, 1:-1] - padded[:, 2:, 1:-1]
    length = torch.sqrt(across.square() + upwards.square())
    turn = torch.atan2(upwards, across).mul_(DIRECTIONS / (2 * math.pi))  # -4 to 4
    lower = turn.floor()
    upper_share = turn.sub_(lower).mul_(length)
    maps = gray.new_zeros(len(gray), DIRECTIONS, *gray.shape[1:])
    first = lower.long().bitwise_and_(DIRECTIONS - 1)[:, None]  # the remainder by a power of 2, in a fifth of the time of %
    maps.scatter_(1, first, length.sub_(upper_share)[:, None])
    return maps.scatter_add_(1, first.add_(1).bitwise_and_(DIRECTIONS - 1), upper_share[:, None])


def _normalised(pooled: Tensor, *, root: bool) -> Tensor:
    """Normalise, clip, and normalise again or take roots of shares; faint descriptors become zeros. Overwrites `pooled`."""
    length = torch.linalg.vector_norm(pooled, dim=-1, keepdim=True)
    clipped = torch.minimum(pooled, length.masked_fill(length < FAINT, 0).mul_(CLIP), out=pooled)
    if root:  # a / sqrt(a * sum) equals sqrt(a / sum); `sqrt` is slow for zeros
        return clipped.mul_((clipped * clipped.sum(-1, keepdim=True)).clamp_(min=TINY).rsqrt_())
    return clipped.div_(torch.linalg.vector_norm(clipped, dim=-1, keepdim=True).clamp_(min=TINY))
