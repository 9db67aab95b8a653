"""The pictures that a user names on the command line: files, folders, patterns, standard input."""

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from alexnet.errors import AlexNetError

PICTURE_ENDINGS = frozenset(".jpg .jpeg .jpe .jfif .png .gif .bmp .tif .tiff .webp .ppm .pgm .pbm .heic .heif .avif .jp2 .tga .ico".split())


def given_pictures(words: Iterable[str], standard_input: BinaryIO) -> list[tuple[str, Path | bytes]]:
    """(name, file or encoded picture) for every picture that the words mean; raises AlexNetError for a word that means none.

    A folder means the pictures in it, deep; a pattern (`photos/*.jpg`) what it matches; `-` standard input: one encoded
    picture, or one path a line.
    """
    listed: list[tuple[str, Path | bytes]] = []
    for word in words:
        found = list(_standard_input(standard_input.read()) if word == "-" else ((str(path), path) for path in _paths(word)))
        if not found:
            raise AlexNetError(f"{word} holds no pictures.")
        listed += found
    if not listed:
        raise AlexNetError("No pictures were named; give files, folders, patterns, or - for standard input.")
    return listed


def _paths(word: str) -> Iterator[Path]:
    path = Path(word)
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.suffix.lower() in PICTURE_ENDINGS and file.is_file())
    elif path.exists():
        yield path
    else:
        matches = sorted(glob.glob(word, recursive=True))
        if not matches:
            raise AlexNetError(f"There is no file, folder or match for '{word}'.")
        for match in matches:
            yield from _paths(match) if Path(match).is_dir() else [Path(match)]


def _standard_input(content: bytes) -> Iterator[tuple[str, Path | bytes]]:
    lines = _lines_of_paths(content)
    if lines is None:
        yield "standard input", content
    else:
        for line in lines:
            yield from ((str(path), path) for path in _paths(line))


def _lines_of_paths(content: bytes) -> list[str] | None:
    """The lines of a text, or None for an encoded picture (they all have bytes that no text has)."""
    if b"\0" in content[:4096]:
        return None
    try:
        return [line.strip() for line in content.decode("utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError:
        return None
