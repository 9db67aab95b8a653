"""Decode image files to upright RGB pixels, and to the squares that networks take.

Plain 8-bit gray and RGB JPEGs are decoded by torchvision, large ones that are needed small by libjpeg's scaled decoding, everything else
(PNG, CMYK, palettes, 16 bits, alpha, animations, TIFF, WebP ...) by Pillow. Colour profiles are not applied.

A file that ends early is refused even where a decoder would fill in the missing part; a flaw that loses no pixels (a wrong checksum at the
end, an invalid EXIF block) is ignored. Independent of files and archives: functions take bytes, and a name for messages.
"""

import importlib.util
import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.JpegImagePlugin import JpegImageFile
from torch import Tensor

from alexnet.data.images.headers import Header, plain_header
from alexnet.data.images.pillow import MAX_PIXELS, check_pixels, decode_pixels, open_image, pillow_header, quiet_pillow, reasons
from alexnet.data.images.resize import fit_square
from alexnet.data.preprocess import Fit

RGB = 3  # torchvision's ImageReadMode.RGB


def decode(content: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> Tensor:
    """The upright RGB pixels of an encoded image, uint8 (3, H, W), contiguous.

    Transparent images are composed on white, animations reduced to their first frame, more than 8 bits scaled to 0-255.
    Raises UnreadableImage, whose reason is one clause: the file is cut short, damaged, HEIC, not an image, or over `max_pixels`.
    """
    return _decode(content, name, max_pixels, None)[0].contiguous()


def decode_fitted(content: bytes, name: str, size: int, how: Fit, *, max_pixels: int = MAX_PIXELS) -> tuple[Tensor, Header]:
    """`fit_square(decode(...), size, how)`, but faster, and the header of the image.

    A JPEG of at least four times `size` is decoded at 1/2, 1/4 or 1/8 (never under twice `size`), which differs from full decoding
    by about one gray level.
    """
    image, header = _decode(content, name, max_pixels, 2 * size)
    return fit_square(image, size, how), header


def read_header(content: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> Header:
    """Format, size, mode and orientation without decoding; raises UnreadableImage as `decode` does."""
    header = plain_header(content)
    if header is None:
        with quiet_pillow(), reasons(name):
            header = pillow_header(open_image(content, name))
    check_pixels(header, name, max_pixels)
    return header


def _decode(content: bytes, name: str, max_pixels: int, enough: int | None) -> tuple[Tensor, Header]:
    header = plain_header(content)
    if header is not None:
        check_pixels(header, name, max_pixels)
        image = _decode_plain(content, header, enough)
        if image is not None:
            return _upright(image, header.orientation), header
    pixels, header = decode_pixels(content, name, max_pixels=max_pixels)
    return _tensor(pixels), header


def _decode_plain(content: bytes, header: Header, enough: int | None) -> Tensor | None:
    """The image as it is stored, not yet upright; None if the decoder fails, so that Pillow tries and reports the reason."""
    try:
        if header.format == "JPEG" and enough is not None and min(header.width, header.height) >= 2 * enough:
            return _decode_scaled(content, enough)
        decode_jpeg = torchvision_jpeg() if header.format == "JPEG" else None
        encoded = torch.frombuffer(bytearray(content), dtype=torch.uint8)  # a copy, because torch warns about read-only memory
        return decode_jpeg(encoded, RGB, False) if decode_jpeg else None
    except (RuntimeError, OSError, SyntaxError, ValueError):
        return None


@cache
def torchvision_jpeg() -> Callable[[Tensor, int, bool], Tensor] | None:
    """The JPEG decoder of torchvision, 1.5 times as fast as Pillow with its copy to a tensor; None if a later version has removed it.

    It is the operator, because torchvision 0.29's function prints a deprecation warning at every call. Torchvision's PNG decoder is not
    used: a damaged PNG crashes the whole process.
    """
    try:
        _load_operators()
        decoder: Callable[[Tensor, int, bool], Tensor] = torch.ops.image.decode_jpeg.default
    except (ImportError, AttributeError, RuntimeError):
        return None
    return decoder


def _load_operators() -> None:
    """Register torchvision's image operators. Their library is enough: importing torchvision takes two seconds, in each process.

    Where the library is not found, or needs more, torchvision itself is imported. Raises ImportError where there is none.
    """
    package = importlib.util.find_spec("torchvision")  # does not import it
    folders = (package.submodule_search_locations or []) if package else []
    libraries = [file for folder in folders for file in Path(folder).glob("image*") if file.suffix in (".so", ".pyd")]
    try:
        for library in libraries:
            torch.ops.load_library(library)
    except OSError:
        libraries = []
    if not libraries:
        importlib.import_module("torchvision.io.image")


def _decode_scaled(content: bytes, enough: int) -> Tensor:
    """A JPEG at the smallest of 1/2, 1/4, 1/8 whose sides are both at least `enough` pixels (scaled in the DCT domain)."""
    with quiet_pillow(), JpegImageFile(io.BytesIO(content)) as image:
        image.draft("RGB", (enough, enough))
        return _tensor(np.array(image.convert("RGB")))


def _tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) as a tensor (3, H, W), which may be a view."""
    return torch.from_numpy(np.ascontiguousarray(pixels) if min(pixels.strides) < 0 else pixels).permute(2, 0, 1)


def _upright(image: Tensor, orientation: int) -> Tensor:
    """Undo an EXIF orientation; images with 5 to 8 are stored on their side."""
    if orientation >= 5:
        image = image.transpose(-1, -2)
    axes = {2: (-1,), 3: (-1, -2), 4: (-2,), 6: (-1,), 7: (-1, -2), 8: (-2,)}.get(orientation)
    return image.flip(axes) if axes else image
