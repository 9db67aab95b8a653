"""The images that a user passes: names of files, folders, patterns and standard input; pixels; encoded bytes. Independent of PyTorch."""

import os
import reprlib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alexnet.data.images.pillow import from_pillow
from alexnet.data.sources.source import MAX_FILE_BYTES, is_image, read_image_file
from alexnet.errors import AlexNetError, UnreadableImage
from alexnet.inference.arrays import Pixels, each_of, is_tensor, rgb_pixels
from alexnet.runtime.arguments import shown_path

ImageInput = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | Pixels | UnreadableImage
MOST_PATHS = 1_000_000  # on standard input
_KINDS = "no path, encoded image, open file, Pillow image, array or tensor"


def find_images(arguments: Iterable[str], standard_input: BinaryIO) -> list[tuple[str, Path | bytes | UnreadableImage]]:
    """(name, path or encoded image) of every image that the arguments select; raises AlexNetError if no argument selects one.

    An argument that selects none, beside others that do, is included as an UnreadableImage with the reason. A folder selects all images
    below it; a pattern (`photos/*.jpg`) the files that match; `-` standard input: one encoded image, or one path per line. A path
    from standard input that does not exist is included: it fails when it is read, like any broken image; so are pipes and devices, which
    are never opened.
    """
    images: list[tuple[str, Path | bytes | UnreadableImage]] = []
    mistakes: list[AlexNetError] = []
    for argument in arguments:
        try:
            images += _selected(argument, standard_input)
        except AlexNetError as mistake:
            mistakes.append(mistake)
            images.append((argument, UnreadableImage(argument, str(mistake).rstrip("."))))
    if not images:
        raise AlexNetError("No pictures to classify. Pass files, folders, patterns, or - for standard input.")
    if len(mistakes) == len(images):
        raise AlexNetError("\n".join(map(str, mistakes)))
    return images


def _selected(argument: str, standard_input: BinaryIO) -> list[tuple[str, Path | bytes]]:
    """The images that one argument selects; raises AlexNetError if there are none."""
    found = list(_standard_input(_all_of(standard_input)) if argument == "-" else ((str(path), path) for path in _paths(argument)))
    if not found:
        raise AlexNetError(f"{'Standard input' if argument == '-' else argument} holds no pictures.")
    return found


def _paths(argument: str) -> list[Path]:
    path = Path(argument)
    _refuse_impossible(path)
    if argument and path.is_dir():
        files = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)  # skips folders that cannot be read
        return sorted(file for file in files if is_image(file.relative_to(path).as_posix()) and os.path.isfile(file))  # noqa: PTH113 (never raises)
    if argument and path.exists():
        return [path]
    matches = _matches(path) if argument else []
    if not matches:
        raise AlexNetError(f"No file or folder matches '{argument}'.")
    return list(dict.fromkeys(found for match in matches for found in (_paths(str(match)) if match.is_dir() else [match])))


def _refuse_impossible(path: Path) -> None:
    """Raise AlexNetError for a path that the system cannot look up (its name is too long), and for a folder that may not be read."""
    try:
        if path.is_dir():
            os.scandir(path).close()
        else:
            path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        pass
    except OSError as problem:
        raise AlexNetError(f"{shown_path(path)} cannot be opened ({problem.strerror or problem}).") from None


def _matches(pattern: Path) -> list[Path]:
    try:
        return sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
    except (ValueError, OSError):  # not a pattern, such as a**
        return []


def _all_of(standard_input: BinaryIO) -> bytes:
    """Standard input to its end; raises AlexNetError for more than one image or a list of paths can hold, as an endless stream does."""
    content = standard_input.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise AlexNetError(
            f"Standard input holds more than {MAX_FILE_BYTES:,} bytes: neither a picture nor a list of paths. Pass files or folders."
        )
    return content


def _standard_input(content: bytes) -> Iterator[tuple[str, Path | bytes]]:
    lines = _lines_of_paths(content)
    if lines is None:
        yield "standard input", content
    else:
        for line in lines:
            path = Path(line)
            yield from ((str(found), found) for found in (_paths(line) if os.path.isdir(path) else [path]))  # noqa: PTH112 (never raises)


def _lines_of_paths(content: bytes) -> list[str] | None:
    """The lines of a text, or None for an encoded image, which always contains bytes that no text has; a byte order mark is skipped."""
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise AlexNetError("Standard input is a list in UTF-16. Save it as UTF-8, one path per line.")
    if b"\0" in content[:4096]:
        return None
    if content.count(b"\n") > MOST_PATHS:
        raise AlexNetError(f"Standard input has more than {MOST_PATHS:,} lines. Pass a folder, or the paths in several parts.")
    try:
        return [line.rstrip("\r") for line in content.decode("utf-8-sig").split("\n") if line.strip()]
    except UnicodeDecodeError:
        return None


def each_image(images: ImageInput | Iterable[ImageInput]) -> Iterator[ImageInput]:
    """All images, one by one, from one image, several, or arrays of several; raises AlexNetError for any other object."""
    if _is_one(images):
        yield from _each_in(images)
    elif isinstance(images, Iterable):
        for image in cast("Iterable[ImageInput]", images):
            yield from _each_in(image)
    else:
        raise AlexNetError(f"{reprlib.repr(images)} is {_KINDS}, and not several of these.")


def _is_one(images: object) -> TypeGuard[ImageInput]:
    """Whether this is a single object that holds pixels; an array may hold several images."""
    kinds = (str, os.PathLike, bytes, bytearray, memoryview, Image.Image, np.ndarray, UnreadableImage)
    return isinstance(images, kinds) or is_tensor(images) or hasattr(images, "read")


def _each_in(image: ImageInput) -> Iterator[ImageInput]:
    if isinstance(image, np.ndarray) and image.dtype.kind in "OU":  # paths, or images of several sizes
        objects: list[ImageInput] = image.ravel().tolist()
        yield from each_image(objects)
    elif isinstance(image, np.ndarray) or is_tensor(image):
        yield from each_of(image)
    else:
        yield image


@dataclass(frozen=True, slots=True)
class PendingImage:
    """An image to be decoded later, in another thread, independent of what the caller does with its object meanwhile."""

    name: str  # for messages
    source: Path | bytes | NDArray[np.uint8] | UnreadableImage  # pixels are (3, H, W)


def pending_image(image: ImageInput, number: int) -> PendingImage:
    """Image `number` of several, counted from 1.

    Open files are read here, from their current position; pixels are copied; Pillow images, which only one thread may use, are decoded.
    """
    path = image if isinstance(image, (str, os.PathLike)) else getattr(image, "name", None) if hasattr(image, "read") else None
    name = str(path) if isinstance(path, (str, os.PathLike)) else f"picture {number}"
    try:
        return PendingImage(name, _source(image, name))
    except UnreadableImage as problem:
        return PendingImage(name, problem)


def _source(image: ImageInput, name: str) -> Path | bytes | NDArray[np.uint8]:
    if isinstance(image, UnreadableImage):
        raise image
    if isinstance(image, np.ndarray) or is_tensor(image):
        return rgb_pixels(image, name)
    if isinstance(image, Image.Image):
        return np.ascontiguousarray(from_pillow(image, name).transpose(2, 0, 1))
    if isinstance(image, (bytes, bytearray, memoryview)):
        return bytes(image)
    if isinstance(image, (str, os.PathLike)):
        return Path(os.fsdecode(image))
    return _content(image, name)


def _content(file: object, name: str) -> bytes:
    """The rest of an open file."""
    read = getattr(file, "read", None)
    if read is None:
        raise UnreadableImage(name, f"is {reprlib.repr(file)}, which is {_KINDS}")
    try:
        content = read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as problem:  # closed, opened for writing, or opened as text that it is not
        raise UnreadableImage(name, f"cannot be read: {problem}") from None
    if not isinstance(content, bytes):
        raise UnreadableImage(name, "is a file opened as text; open it with mode 'rb'")
    if len(content) > MAX_FILE_BYTES:
        raise UnreadableImage(name, f"has more than {MAX_FILE_BYTES:,} bytes")
    return content


def content_of(image: PendingImage) -> bytes | NDArray[np.uint8]:
    """The encoded image, or its upright RGB pixels, uint8 (3, H, W); raises UnreadableImage."""
    source = image.source
    if isinstance(source, UnreadableImage):
        raise source
    if isinstance(source, Path):
        try:
            source = read_image_file(source, image.name, MAX_FILE_BYTES)
        except OSError as error:
            raise UnreadableImage(image.name, f"cannot be opened: {error.strerror or error}") from None
        except ValueError as error:  # a name that no file can have
            raise UnreadableImage(image.name, f"cannot be opened: {error}") from None
    return source
