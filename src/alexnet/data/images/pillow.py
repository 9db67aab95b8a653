"""Decode image files with Pillow to upright RGB pixels, as NumPy arrays. Independent of PyTorch.

A file that ends early is refused even where a decoder would fill in the missing part; a flaw that loses no pixels is ignored.
"""

import importlib
import io
import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from alexnet.data.images.headers import Header, is_heic
from alexnet.errors import UnreadableImage

MAX_PIXELS = 89_000_000  # just under Pillow's own limit (89.5 million); any file then takes less than 2 GB of memory
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM")  # never EPS: it would start Ghostscript
logging.getLogger("PIL").addHandler(logging.NullHandler())  # what it says of a damaged image is in our reason; it is not for the screen
HEIC_REASON = (
    "is a HEIC photo; convert to JPEG (on an iPhone: Settings > Camera > Formats > Most Compatible), "
    "or read such photos with pip install '.[heic]'"
)


def decode_pixels(content: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> tuple[NDArray[np.uint8], Header]:
    """The upright RGB pixels of an encoded image, uint8 (H, W, 3), and its header; see `decode.decode`. Raises UnreadableImage."""
    with quiet_pillow(), reasons(name), open_image(content, name) as image:
        header = pillow_header(image)
        check_pixels(header, name, max_pixels)
        image.load()
        return upright(np.array(_to_rgb(image)), header.orientation), header


def open_image(content: bytes, name: str) -> Image.Image:
    """An image file of a known format, opened and not decoded; inside `reasons`."""
    if not content:
        raise UnreadableImage(name, "is empty")
    if is_heic(content):
        if not reads_heic():
            raise UnreadableImage(name, HEIC_REASON)
        return Image.open(io.BytesIO(content), formats=("HEIF",))
    return Image.open(io.BytesIO(content), formats=FORMATS)


@cache
def reads_heic() -> bool:
    """Whether HEIC photos can be decoded: by pi-heif, the extra `heic`, which is registered with Pillow at the first of them."""
    try:
        importlib.import_module("pi_heif").register_heif_opener()
    except (ImportError, AttributeError, OSError):
        return False
    return True


def pillow_header(image: Image.Image) -> Header:
    """Format, upright size, mode and orientation."""
    try:
        orientation = int(image.getexif().get(0x0112, 1))
    except Exception:  # broken EXIF raises errors of any class, and costs only the orientation
        orientation = 1
    orientation = orientation if 1 <= orientation <= 8 else 1
    width, height = image.size[::-1] if orientation >= 5 else image.size
    return Header(image.format or "", width, height, image.mode, orientation)


def from_pillow(image: Image.Image, name: str) -> NDArray[np.uint8]:
    """The upright RGB pixels, uint8 (H, W, 3), of an image that Pillow has opened, as from `decode`; raises UnreadableImage."""
    with quiet_pillow(), reasons(name):
        image.load()
        return upright(np.array(_to_rgb(image)), pillow_header(image).orientation)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_eight_bits(image)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        if image.mode == "La":
            image = image.convert("LA")
        layer = image.convert("RGBA")
        white = Image.new("RGB", layer.size, "white")
        white.paste(layer, mask=layer.getchannel("A"))
        return white
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> NDArray[np.uint8]:
    """Pixels of 12, 16 or 32 bits or floats, scaled to 0-255 from the range of their format, or from their own range if they exceed it."""
    values = np.nan_to_num(np.asarray(image).astype(np.float32), copy=False, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    white = _white_level(image, high)
    if low < 0 or high > white:
        values -= low
        white = (high - low) or 1.0  # all pixels are equal: black
    values *= 255 / white
    return values.round().astype(np.uint8)


def _white_level(image: Image.Image, brightest: float) -> float:
    if image.mode == "F":
        return 1.0 if brightest <= 1 else 255.0
    tags: Any = getattr(image, "tag_v2", {})
    bits = tags.get(258, 16)  # BitsPerSample: a 12-bit TIFF comes as I;16 with values up to 4095
    bits = bits[0] if isinstance(bits, tuple) else bits
    return float(2 ** min(max(int(bits), 8), 16) - 1)


def upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Undo an EXIF orientation of pixels (H, W, C); images with 5 to 8 are stored on their side."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    axes = {2: (1,), 3: (1, 0), 4: (0,), 6: (1,), 7: (1, 0), 8: (0,)}.get(orientation)
    return np.flip(pixels, axes) if axes else pixels


def check_pixels(header: Header, name: str, max_pixels: int) -> None:
    """Raise UnreadableImage for an image without pixels, or with more than `max_pixels`."""
    pixels = header.width * header.height
    if pixels > max_pixels:
        raise UnreadableImage(name, f"has {pixels:,} pixels ({header.width:,} x {header.height:,}); the limit is {max_pixels:,}")
    if pixels < 1:
        raise UnreadableImage(name, "has no pixels")


@contextmanager
def reasons(name: str) -> Iterator[None]:
    """Convert whatever a decoder raises to an UnreadableImage with a reason that a photographer understands."""
    try:
        yield
    except UnreadableImage:
        raise
    except Exception as problem:  # Pillow raises errors of nearly every class for broken files
        raise UnreadableImage(name, _reason(problem)) from None


def _reason(problem: Exception) -> str:
    text = " ".join(str(problem).split())
    if isinstance(problem, Image.DecompressionBombError):
        pixels = re.search(r"\d+", text)
        return f"has {int(pixels.group()):,} pixels; the limit is {MAX_PIXELS:,}" if pixels else "has too many pixels"
    if isinstance(problem, UnidentifiedImageError):
        return "is not a picture in a known format, or its header is damaged"
    if isinstance(problem, MemoryError):
        return "does not fit into memory"
    if isinstance(problem, EOFError) or "truncated" in text.lower() or "Truncated" in type(problem).__name__:
        return "is cut short"
    return f"is damaged ({text[:80] or type(problem).__name__})"


class _Quiet:
    """Suppress Pillow's warnings in several threads: the first to enter turns them off, the last to leave restores them."""

    def __init__(self) -> None:
        self.lock, self.inside, self.saved = threading.Lock(), 0, warnings.catch_warnings()

    def __enter__(self) -> None:
        with self.lock:
            if self.inside == 0:
                self.saved = warnings.catch_warnings()
                self.saved.__enter__()
                warnings.simplefilter("ignore")
            self.inside += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                self.saved.__exit__(None, None, None)


_quiet = _Quiet()


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Suppress Pillow's warnings inside the block."""
    with _quiet:
        yield
