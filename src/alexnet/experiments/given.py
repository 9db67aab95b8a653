"""The pictures that a user names on the command line: files, folders, patterns, standard input."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from alexnet.data.files import is_picture
from alexnet.errors import AlexNetError


def given_pictures(words: Iterable[str], standard_input: BinaryIO) -> list[tuple[str, Path | bytes]]:
    """(name, file or encoded picture) for every picture that the words mean; raises AlexNetError for a word that means none.

    A folder means the pictures in it, deep; a pattern (`photos/*.jpg`) what it matches; `-` standard input: one encoded
    picture, or one path a line. A line's path that does not exist is kept: it gets its reason when it is read, like any broken picture.
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
        return sorted(file for file in path.rglob("*") if is_picture(file.relative_to(path).as_posix()) and file.is_file())
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
    """The lines of a text, or None for an encoded picture (they all have bytes that no text has)."""
    if b"\0" in content[:4096]:
        return None
    try:
        return [line.rstrip("\r") for line in content.decode("utf-8").split("\n") if line.strip()]
    except UnicodeDecodeError:
        return None
