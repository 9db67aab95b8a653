"""One image as a packed data set stores it: its bytes, and everything that would otherwise need decoding again.

Everything is computed from the stored bytes, so that a reader of the pack computes the same. Independent of files.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from alexnet.data.dataset import Dataset
from alexnet.data.fingerprints import digest, thumbnails_of
from alexnet.data.images.decode import decode
from alexnet.data.images.encode import jpeg_bytes
from alexnet.data.images.headers import Header, plain_header
from alexnet.data.images.resize import fit_short_side, fit_square
from alexnet.data.pipeline.colour_statistics import pixel_sums
from alexnet.errors import UnreadableImage

LONGEST_SIDE = 65_500  # pixels, libjpeg's limit
GRAY_MODES = frozenset({"1", "L", "LA", "La", "F"})
PRODUCTS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))  # of two colours; the other three follow by symmetry


@dataclass(frozen=True, kw_only=True, slots=True)
class PackedImage:
    """content: a JPEG; source: the header of the original image; the other fields describe the fitted centre square.

    copied: whether the content is the original file, byte for byte; thumbnail: uint8 (16, 16); colours (3,) and products (6,), int64: sums
    over the square's pixels of red, green, blue and of their products, in the order of PRODUCTS.
    """

    content: bytes
    source: Header
    copied: bool
    gray: bool
    digest: int
    thumbnail: NDArray[np.uint8]
    colours: NDArray[np.int64]
    products: NDArray[np.int64]


def packed_image(dataset: Dataset, index: int, *, size: int, quality: int) -> PackedImage:
    """Resize one image to `size` px on its short side and encode it as JPEG; smaller images keep their size, small JPEGs their bytes.

    Raises UnreadableImage for an image that cannot be decoded, or is too long for a JPEG.
    """
    name = dataset.items[index].name
    content, header, image = _decoded(dataset, index, name)
    copied = content is not None and _can_stay(content, size)
    gray = header.mode in GRAY_MODES or header.mode.startswith("I")
    if content is None or not copied:
        content = _encoded(image if min(image.shape[-2:]) <= size else fit_short_side(image, size), gray, quality, name)
        image = decode(content, name)
    square = fit_square(image, size, "crop")
    colours, products = colour_sums(square)
    return PackedImage(
        content=content,
        source=header,
        copied=copied,
        gray=gray,
        digest=digest(content),
        thumbnail=thumbnails_of(square[None])[0],
        colours=colours,
        products=products,
    )


def colour_sums(square: Tensor) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The whole-number sums of the colours, (3,), and of their products, (6,), over the pixels of a uint8 (3, H, W) image."""
    colours, products = (sums.numpy().astype(np.int64) for sums in pixel_sums(square))
    return colours, np.array([products[place] for place in PRODUCTS], np.int64)


def _decoded(dataset: Dataset, index: int, name: str) -> tuple[bytes | None, Header, Tensor]:
    """The encoded file (None for arrays), its header and its pixels."""
    header = dataset.header(index)
    if header.format == "array":
        return None, header, dataset.image(index)
    content = dataset.content(index)
    return content, header, decode(content, name)


def _can_stay(content: bytes, size: int) -> bool:
    """Whether a decodable file is an upright gray or RGB JPEG of at most `size` px: encoding it again would only lose quality."""
    header = plain_header(content)
    return header is not None and header.format == "JPEG" and header.orientation == 1 and min(header.width, header.height) <= size


def _encoded(image: Tensor, gray: bool, quality: int, name: str) -> bytes:
    """A baseline JPEG of a uint8 (3, H, W) image, with one channel if it is gray."""
    longest = max(image.shape[-2:])
    if longest > LONGEST_SIDE:
        raise UnreadableImage(name, f"is {longest:,} pixels long; a JPEG holds at most {LONGEST_SIDE:,}")
    return jpeg_bytes(image, gray=gray, quality=quality)
