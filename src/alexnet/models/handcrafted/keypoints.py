"""Descriptors at interest points, from the libraries that have them: OpenCV's SIFT (Lowe 2004) and mahotas' SURF (Bay et al. 2008).

One gray image at a time on the CPU; the number of rows of an image depends on its content, and a flat image has none. Independent of
visual words and of classes. The libraries are extras and are imported when a descriptor is built.

OpenCV's wheels include SIFT, whose patent ended in 2020, but not SURF, which is in the non-free part of opencv-contrib that wheels leave
out. mahotas (MIT; its SURF is a port of dlib's, under the Boost licence) is maintained and has a wheel with SURF.

Detectors need neighbourhoods of ten pixels and more, so images under 96 px are enlarged to 96 px first: digits of 8 px and photos
of 32 px would have almost no points. SURF also ignores a border of 28 px and more, most of such a small image; therefore it gets
the image surrounded by its mirror image, and points in the mirror image are dropped. On 1,600 photos of CIFAR-10 that finds 52 points per
image instead of 4.
"""

from importlib import import_module

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from alexnet.errors import BadModel
from alexnet.models.networks.model import LUMA

SMALLEST = 96  # px; smaller images are enlarged
MIRROR = 48  # px of mirror image on each side, for SURF
SCALES = 4  # of SURF in each octave, as in its paper
THRESHOLD = 0.01  # of SURF's blob strength for pixels from 0 to 255; mahotas' default of 0.1 is too high for smooth digits
MOST_POINTS = 1_024  # of SURF in one image, the strongest
SURF_COLUMNS = 6  # before a row's descriptor: y, x, scale, strength, sign of the Laplacian, angle

Points = tuple[NDArray[np.float32], NDArray[np.float32]]


class InterestPoints(nn.Module):
    """uint8 (N, 3, S, S) -> descriptors float32 (total, dimensions), images int64 (total,), centres float32 (total, 2).

    images holds the index in the batch of each row's image, ascending; centres are x and y as fractions of the image's side. Images without
    interest points have no rows. Results are on the images' device.
    """

    dimensions: int

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        descriptors = [np.empty((0, self.dimensions), dtype=np.float32)]
        centres = [np.empty((0, 2), dtype=np.float32)]
        for image in images.cpu():
            gray = gray_square(image)
            found, places = self.describe(gray)
            descriptors.append(found)
            centres.append(((places + 0.5) / len(gray)).astype(np.float32))  # a pixel's centre is half a pixel from its corner
        counts = torch.tensor([len(rows) for rows in descriptors[1:]], dtype=torch.int64)
        image_of_row = torch.repeat_interleave(torch.arange(len(images)), counts)
        rows, places_of_rows = (torch.from_numpy(np.concatenate(parts)) for parts in (descriptors, centres))
        return rows.to(images.device), image_of_row.to(images.device), places_of_rows.clamp(0, 1).to(images.device)

    def describe(self, gray: NDArray[np.uint8]) -> Points:
        """Gray (S, S) -> descriptors (points, dimensions) of unit length; x and y (points, 2) in px, whole numbers at pixel centres."""
        raise NotImplementedError


class SparseSIFT(InterestPoints):
    """128 numbers at each extremum of differences of Gaussians, rotated to its main gradient (Lowe 2004), by OpenCV with its defaults.

    The image is enlarged exactly (OpenCV 4.8 and later), because the default shifts all points by a quarter of a pixel. root: square roots
    of the shares (Arandjelovic and Zisserman 2012), so that Euclidean distances are Hellinger distances. Raises BadModel if OpenCV is
    missing.
    """

    dimensions = 128

    def __init__(self, *, root: bool = True) -> None:
        super().__init__()
        self.root = root
        _require("cv2", "SIFT at interest points", package="opencv-python-headless", extra="sparse")

    def describe(self, gray: NDArray[np.uint8]) -> Points:
        """Of unit length with and without `root`; see `InterestPoints.describe`."""
        # made for each image: an OpenCV object can be neither copied nor sent to a worker
        detector = import_module("cv2").SIFT_create(enable_precise_upscale=True)
        points, found = detector.detectAndCompute(gray, None)
        if found is None:
            return np.empty((0, 128), dtype=np.float32), np.empty((0, 2), dtype=np.float32)
        places = np.array([point.pt for point in points], dtype=np.float32)
        return _rooted(found) if self.root else _unit(found), places


class SURF(InterestPoints):
    """64 sums of Haar responses at each blob of the determinant of the Hessian, rotated to its main response (Bay et al. 2008), by mahotas.

    Raises BadModel if mahotas is missing.
    """

    dimensions = 64

    def __init__(self) -> None:
        super().__init__()
        _require("mahotas", "SURF", package="mahotas", extra="surf")

    def describe(self, gray: NDArray[np.uint8]) -> Points:
        """Mirrors the border, and drops points whose centre is in the mirror image; see `InterestPoints.describe`."""
        surf = import_module("mahotas.features.surf").surf
        framed = np.pad(gray, MIRROR, mode="symmetric")
        found = surf(framed, nr_scales=SCALES, threshold=THRESHOLD, max_points=MOST_POINTS).astype(np.float32)
        places = found[:, 1::-1] - MIRROR  # x, y from y, x
        inside = ((places >= -0.5) & (places <= len(gray) - 0.5)).all(axis=1)
        return np.ascontiguousarray(found[inside, SURF_COLUMNS:]), places[inside]


def gray_square(image: Tensor) -> NDArray[np.uint8]:
    """The luma, uint8 (T, T), of an image, uint8 (3, S, S), with T at least 96 px; smaller images are enlarged (bicubic)."""
    gray = torch.einsum("chw,c->hw", image.float(), torch.tensor(LUMA))
    if len(gray) < SMALLEST:
        gray = F.interpolate(gray[None, None], (SMALLEST, SMALLEST), mode="bicubic", antialias=True)[0, 0]
    pixels: NDArray[np.uint8] = gray.round().clamp(0, 255).to(torch.uint8).numpy()
    return pixels


def _rooted(found: NDArray[np.float32]) -> NDArray[np.float32]:
    shares: NDArray[np.float32] = found / np.maximum(found.sum(axis=1, keepdims=True), 1)
    return np.sqrt(shares)


def _unit(found: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1)
    return unit


def _require(module: str, what: str, *, package: str, extra: str) -> None:
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        raise BadModel(f"{what} needs {package}, which is not installed. Run pip install '.[{extra}]'.") from error
    except ImportError as error:
        raise BadModel(
            f"{what} needs {package}, which cannot be imported ({error}). Run pip install --force-reinstall {package}."
        ) from error
