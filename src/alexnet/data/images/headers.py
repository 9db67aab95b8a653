"""The header of an image file, read without decoding: format, size, mode, orientation.

These parsers cover the two formats that nearly all data sets use (JPEG and PNG, a few microseconds each); they return None for
everything unusual, which is left to Pillow. Independent of pixels.
"""

import struct
from dataclasses import dataclass

HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
AVIF_BRANDS = frozenset({b"avif", b"avis"})
JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive; Pillow refuses arithmetic and lossless ones
BARE_MARKERS = frozenset({0xFF, 0x01, *range(0xD0, 0xD9)})  # padding, and markers without a length
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_SPECIAL = frozenset({b"tRNS", b"eXIf", b"acTL"})  # transparency, orientation, animation


@dataclass(frozen=True, slots=True)
class Header:
    """The header of one image; width and height are those of the upright image, in pixels; mode: Pillow's ("L", "RGB")."""

    format: str
    width: int
    height: int
    mode: str
    orientation: int = 1

    @property
    def turned(self) -> bool:
        """Whether the image is stored on its side (EXIF orientations 5 to 8)."""
        return self.orientation >= 5


def plain_header(content: bytes) -> Header | None:
    """The header of an 8-bit gray or RGB JPEG or PNG; None for any other file, including broken ones."""
    try:
        if content[:3] == b"\xff\xd8\xff":
            return _jpeg_header(content)
        if content[:8] == PNG_SIGNATURE:
            return _png_header(content)
    except (struct.error, IndexError):
        return None
    return None


def is_heic(content: bytes) -> bool:
    """Whether this is an iPhone's HEIC or HEIF image (not AVIF, a related format)."""
    if content[4:8] != b"ftyp":
        return False
    length = min(int.from_bytes(content[:4], "big"), 256)
    brands = {content[8:12], *(content[at : at + 4] for at in range(16, length, 4))}
    return bool(brands & HEIC_BRANDS) and not brands & AVIF_BRANDS


def exif_orientation(tiff: bytes) -> int:
    """The orientation 1-8 of an EXIF block (without its `Exif` prefix); 1 if it is missing or invalid."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, start)
        for entry in range(start + 2, start + 2 + 12 * entries, 12):
            tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, entry)
            if tag == 0x0112:
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


def _jpeg_header(content: bytes) -> Header | None:
    at, orientation = 2, 1
    while content[at] == 0xFF:
        marker = content[at + 1]
        if marker in BARE_MARKERS:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", content, at + 2)
        if marker in JPEG_FRAMES:
            return _jpeg_frame(content, at + 4, orientation)
        if marker == 0xE1 and content[at + 4 : at + 10] == b"Exif\0\0":
            orientation = exif_orientation(content[at + 10 : at + 2 + length])
        at += 2 + length
    return None


def _jpeg_frame(content: bytes, at: int, orientation: int) -> Header | None:
    bits, height, width, components = struct.unpack_from(">BHHB", content, at)
    if bits != 8 or components not in (1, 3) or not width or not height:
        return None
    if orientation >= 5:
        width, height = height, width
    return Header("JPEG", width, height, "L" if components == 1 else "RGB", orientation)


def _png_header(content: bytes) -> Header | None:
    width, height, bits, colours = struct.unpack_from(">IIBB", content, 16)
    if content[12:16] != b"IHDR" or bits != 8 or colours not in (0, 2) or not width or not height:
        return None
    at = 8
    while (kind := content[at + 4 : at + 8]) != b"IDAT":
        if kind in PNG_SPECIAL or len(kind) < 4:
            return None
        (length,) = struct.unpack_from(">I", content, at)
        at += 12 + length
    return Header("PNG", width, height, "L" if colours == 0 else "RGB")
