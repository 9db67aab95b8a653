"""Decode image files to upright RGB pixels, and to the squares that networks take.

Plain 8-bit gray and RGB JPEGs are decoded by torchvision, large ones that are needed small by libjpeg's scaled decoding, everything else
(PNG, CMYK, palettes, 16 bits, alpha, animations, TIFF, WebP ...) by Pillow. Colour profiles are not applied.

A file that ends early is refused even where a decoder would fill in the missing part; a flaw that loses no pixels (a wrong checksum at the
end, an invalid EXIF block) is ignored. Independent of files and archives: functions take bytes, and a name for messages.
"""

import importlib.util
import io
import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from torch import Tensor

from alexnet.data.images.headers import Header, is_heic, plain_header
from alexnet.data.images.resize import fit_square
from alexnet.data.preprocess import Fit
from alexnet.errors import UnreadableImage

MAX_PIXELS = 89_000_000  # just under Pillow's own limit (89.5 million); any file then takes less than 2 GB of memory
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM")  # never EPS: it would start Ghostscript
RGB = 3  # torchvision's ImageReadMode.RGB
logging.getLogger("PIL").addHandler(logging.NullHandler())  # what it says of a damaged image is in our reason; it is not for the screen
HEIC_REASON = (
    "is a HEIC photo; convert to JPEG (on an iPhone: Settings > Camera > Formats > Most Compatible), "
    "or read such photos with pip install 'alexnet[heic]'"
)


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
        with _quiet_pillow(), _reasons(name):
            header = _pillow_header(_open(content, name))
    _check_pixels(header, name, max_pixels)
    return header


def _decode(content: bytes, name: str, max_pixels: int, enough: int | None) -> tuple[Tensor, Header]:
    header = plain_header(content)
    if header is not None:
        _check_pixels(header, name, max_pixels)
        image = _decode_plain(content, header, enough)
        if image is not None:
            return _upright(image, header.orientation), header
    return _decode_with_pillow(content, name, max_pixels)


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
    with _quiet_pillow(), JpegImageFile(io.BytesIO(content)) as image:
        image.draft("RGB", (enough, enough))
        return _pixels(image.convert("RGB"))


def _decode_with_pillow(content: bytes, name: str, max_pixels: int) -> tuple[Tensor, Header]:
    with _quiet_pillow(), _reasons(name), _open(content, name) as image:
        header = _pillow_header(image)
        _check_pixels(header, name, max_pixels)
        image.load()
        return _upright(_pixels(_to_rgb(image)), header.orientation), header


def _open(content: bytes, name: str) -> Image.Image:
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


def _pillow_header(image: Image.Image) -> Header:
    try:
        orientation = int(image.getexif().get(0x0112, 1))
    except Exception:  # broken EXIF raises errors of any class, and costs only the orientation
        orientation = 1
    orientation = orientation if 1 <= orientation <= 8 else 1
    width, height = image.size[::-1] if orientation >= 5 else image.size
    return Header(image.format or "", width, height, image.mode, orientation)


def from_pillow(image: Image.Image, name: str) -> Tensor:
    """The upright RGB pixels, uint8 (3, H, W), of an image that Pillow has opened, as from `decode`; raises UnreadableImage."""
    with _quiet_pillow(), _reasons(name):
        image.load()
        return _upright(_pixels(_to_rgb(image)), _pillow_header(image).orientation).contiguous()


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
        white = high - low
    values *= 255 / white
    return values.round().astype(np.uint8)


def _white_level(image: Image.Image, brightest: float) -> float:
    if image.mode == "F":
        return 1.0 if brightest <= 1 else 255.0
    tags: Any = getattr(image, "tag_v2", {})
    bits = tags.get(258, 16)  # BitsPerSample: a 12-bit TIFF comes as I;16 with values up to 4095
    bits = bits[0] if isinstance(bits, tuple) else bits
    return float(2 ** min(max(int(bits), 8), 16) - 1)


def _pixels(rgb: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(rgb)).permute(2, 0, 1)


def _upright(image: Tensor, orientation: int) -> Tensor:
    """Undo an EXIF orientation; images with 5 to 8 are stored on their side."""
    if orientation >= 5:
        image = image.transpose(-1, -2)
    axes = {2: (-1,), 3: (-1, -2), 4: (-2,), 6: (-1,), 7: (-1, -2), 8: (-2,)}.get(orientation)
    return image.flip(axes) if axes else image


def _check_pixels(header: Header, name: str, max_pixels: int) -> None:
    pixels = header.width * header.height
    if pixels > max_pixels:
        raise UnreadableImage(name, f"has {pixels:,} pixels ({header.width:,} x {header.height:,}); the limit is {max_pixels:,}")
    if pixels < 1:
        raise UnreadableImage(name, "has no pixels")


@contextmanager
def _reasons(name: str) -> Iterator[None]:
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
def _quiet_pillow() -> Iterator[None]:
    with _quiet:
        yield
