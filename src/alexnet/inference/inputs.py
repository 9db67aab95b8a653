"""The images that a user gives: files, folders, patterns and standard input by name, or pixels and encoded bytes."""

import os
import reprlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeGuard, cast

import numpy as np
from PIL import Image
from torch import Tensor

from alexnet.data.images.decode import decode, from_pillow
from alexnet.data.sources.base import is_image
from alexnet.errors import AlexNetError, UnreadableImage
from alexnet.inference.arrays import Pixels, each_of, rgb_pixels

ImageInput = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | Pixels
_KINDS = "no path, encoded image, open file, Pillow image, array or tensor"


def find_images(words: Iterable[str], standard_input: BinaryIO) -> list[tuple[str, Path | bytes]]:
    """(name, file or encoded image) for every image that the words mean; raises AlexNetError for a word that means none.

    A folder means the images in it, deep; a pattern (`photos/*.jpg`) what it matches; `-` standard input: one encoded
    image, or one path a line. A line's path that does not exist is kept: it gets its reason when it is read, like any broken image.
    """
    listed: list[tuple[str, Path | bytes]] = []
    for word in words:
        found = list(_standard_input(standard_input.read()) if word == "-" else ((str(path), path) for path in _paths(word)))
        if not found:
            raise AlexNetError(f"{'Standard input' if word == '-' else word} holds no pictures.")
        listed += found
    if not listed:
        raise AlexNetError("No pictures were named; give files, folders, patterns, or - for standard input.")
    return listed


def _paths(word: str) -> list[Path]:
    path = Path(word)
    if word and path.is_dir():
        files = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)  # passes over folders that cannot be read
        return sorted(file for file in files if is_image(file.relative_to(path).as_posix()) and os.path.isfile(file))  # noqa: PTH113 (never raises)
    if word and path.exists():
        return [path]
    matches = _matches(path) if word else []
    if not matches:
        raise AlexNetError(f"There is no file, folder or match for '{word}'.")
    return list(dict.fromkeys(found for match in matches for found in (_paths(str(match)) if match.is_dir() else [match])))


def _matches(pattern: Path) -> list[Path]:
    try:
        return sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
    except (ValueError, OSError):  # not a pattern, as a**
        return []


def _standard_input(content: bytes) -> Iterator[tuple[str, Path | bytes]]:
    lines = _lines_of_paths(content)
    if lines is None:
        yield "standard input", content
    else:
        for line in lines:
            path = Path(line)
            yield from ((str(found), found) for found in (_paths(line) if path.is_dir() else [path]))


def _lines_of_paths(content: bytes) -> list[str] | None:
    """The lines of a text, or None for an encoded image (they all have bytes that no text has)."""
    if b"\0" in content[:4096]:
        return None
    try:
        return [line.rstrip("\r") for line in content.decode("utf-8").split("\n") if line.strip()]
    except UnicodeDecodeError:
        return None


def each_image(images: ImageInput | Iterable[ImageInput]) -> Iterator[ImageInput]:
    """The images one by one, of one image, several, or arrays of several; raises AlexNetError for what is neither."""
    if _is_one(images):
        yield from _each_in(images)
    elif isinstance(images, Iterable):
        for image in cast("Iterable[ImageInput]", images):
            yield from _each_in(image)
    else:
        raise AlexNetError(f"{reprlib.repr(images)} is {_KINDS}, nor several of these.")


def _is_one(images: object) -> TypeGuard[ImageInput]:
    """Whether this is one thing that holds pixels; an array may hold several images."""
    kinds = (str, os.PathLike, bytes, bytearray, memoryview, Image.Image, np.ndarray, Tensor)
    return isinstance(images, kinds) or hasattr(images, "read")


def _each_in(image: ImageInput) -> Iterator[ImageInput]:
    if isinstance(image, np.ndarray) and image.dtype.kind in "OU":  # paths, or images of several sizes
        objects: list[ImageInput] = image.ravel().tolist()
        yield from each_image(objects)
    elif isinstance(image, (np.ndarray, Tensor)):
        yield from each_of(image)
    else:
        yield image


@dataclass(frozen=True, slots=True)
class Held:
    """What is needed to decode an image later, in another thread, whatever the caller does with it meanwhile."""

    name: str  # what messages call it
    source: Path | bytes | Tensor | UnreadableImage


def taken(image: ImageInput, number: int) -> Held:
    """Image `number` of several, counted from 1.

    Open files are read here, from where they stand; pixels are copied; Pillow's images, which only one thread may use, are decoded.
    """
    path = image if isinstance(image, (str, os.PathLike)) else getattr(image, "name", None) if hasattr(image, "read") else None
    name = str(path) if isinstance(path, (str, os.PathLike)) else f"picture {number}"
    try:
        return Held(name, _source(image, name))
    except UnreadableImage as problem:
        return Held(name, problem)


def _source(image: ImageInput, name: str) -> Path | bytes | Tensor:
    if isinstance(image, (np.ndarray, Tensor)):
        return rgb_pixels(image, name)
    if isinstance(image, Image.Image):
        return from_pillow(image, name)
    if isinstance(image, (bytes, bytearray, memoryview)):
        return bytes(image)
    if isinstance(image, (str, os.PathLike)):
        return Path(os.fsdecode(image))
    return _content(image, name)


def _content(file: object, name: str) -> bytes:
    """What is left to read of an open file."""
    read = getattr(file, "read", None)
    if read is None:
        raise UnreadableImage(name, f"is {reprlib.repr(file)}, which is {_KINDS}")
    try:
        content = read()
    except (OSError, ValueError) as problem:  # closed, or opened to write, or as text that is none
        raise UnreadableImage(name, f"cannot be read: {problem}") from None
    if not isinstance(content, bytes):
        raise UnreadableImage(name, "is a file opened as text; open it with mode 'rb'")
    return content


def decoded(image: Held) -> Tensor:
    """The upright RGB pixels, uint8 (3, H, W); raises UnreadableImage."""
    source = image.source
    if isinstance(source, UnreadableImage):
        raise source
    if isinstance(source, Path):
        try:
            source = source.read_bytes()
        except OSError as error:
            raise UnreadableImage(image.name, f"cannot be opened: {error.strerror or error}") from None
        except ValueError as error:  # a name that no file can have
            raise UnreadableImage(image.name, f"cannot be opened: {error}") from None
    return decode(source, image.name) if isinstance(source, bytes) else source
