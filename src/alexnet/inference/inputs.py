"""The images that a user gives: files, folders, patterns and standard input by name, or pixels and encoded bytes."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from alexnet.data.images.decode import decode, from_pillow
from alexnet.data.sources.base import is_image
from alexnet.errors import AlexNetError, UnreadableImage

ImageInput = str | Path | bytes | Image.Image | NDArray[np.uint8] | Tensor


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
        return sorted(file for file in path.rglob("*") if is_image(file.relative_to(path).as_posix()) and file.is_file())
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


def each_image(images: ImageInput | Iterable[ImageInput]) -> Iterable[ImageInput]:
    """The images one by one, of one image, several, or an array of several."""
    if isinstance(images, (Tensor, np.ndarray)):
        return list(images) if images.ndim == 4 else [images]
    return [images] if isinstance(images, (str, Path, bytes, Image.Image)) else images


def decoded(image: ImageInput, name: str) -> Tensor:
    """The upright RGB pixels, uint8 (3, H, W); raises UnreadableImage, which calls the image `name`."""
    if isinstance(image, (str, Path)):
        try:
            return decode(Path(image).read_bytes(), name)
        except OSError as error:
            raise UnreadableImage(name, f"cannot be opened: {error.strerror or error}") from None
    if isinstance(image, bytes):
        return decode(image, name)
    if isinstance(image, Image.Image):
        return from_pillow(image, name)
    return _channels_first(torch.as_tensor(np.array(image)) if isinstance(image, np.ndarray) else image, name)


def _channels_first(image: Tensor, name: str) -> Tensor:
    if image.dtype != torch.uint8:
        raise UnreadableImage(name, f"is {image.dtype}; pictures are uint8, 0 to 255")
    if image.dim() == 2:
        image = image[None].expand(3, -1, -1)
    if image.dim() == 3 and image.shape[0] != 3 and image.shape[2] == 3:
        image = image.permute(2, 0, 1)
    if image.dim() != 3 or image.shape[0] != 3 or 0 in image.shape:
        raise UnreadableImage(name, f"has shape {tuple(image.shape)}; a picture is (H, W, 3) or (3, H, W)")
    return image.contiguous()
