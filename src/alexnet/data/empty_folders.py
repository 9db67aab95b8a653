"""Folders at the place of classes that hold no images: empty, or with files that are not images by their names."""

from collections.abc import Collection
from pathlib import Path, PurePosixPath

from alexnet.data.class_names import composed, printable
from alexnet.data.folder_layout import Layout
from alexnet.data.sources.folder import LAYOUT
from alexnet.data.sources.source import Source
from alexnet.errors import BadDataset

MOST_NAMED = 5


def empty_folder_remarks(source: Source, layout: Layout, classes: Collection[str]) -> tuple[str, ...]:
    """A sentence for each folder that would be a class, or a split, if it held images."""
    folders = sorted({found for folder in source.folders if (found := _at_class(layout, folder))})
    empty = [folder for folder in folders if composed(PurePosixPath(folder).name) not in classes]
    used = {_at_class(layout, str(PurePosixPath(name).parent)) for name in source.names} if empty else set()
    empty = [folder for folder in empty if folder not in used]
    named = [_sentence(source, folder) for folder in empty[:MOST_NAMED]]
    return (*named, *([f"{len(empty) - MOST_NAMED:,} more folders hold no pictures."] if len(empty) > MOST_NAMED else []))


def no_images(path: Path, source: Source) -> BadDataset:
    """The error for a source without a single image."""
    count = sum(source.ignored.values())
    others = f" Its {count:,} other files have no extension of a picture, such as .jpg or .png." if count else ""
    return BadDataset(f"{path} holds no pictures.{others} {LAYOUT}")


def _at_class(layout: Layout, folder: str) -> str:
    """The folder at the place of a class, or of a split, that a folder is or is in; "" for one above."""
    parts = layout.parts(folder)
    deep = 1 if not layout.splits or layout.inside or not parts else layout.depths.get(parts[0], 0) + 1
    return str(layout.top.joinpath(*parts[:deep])) if len(parts) >= deep else ""


def _sentence(source: Source, folder: str) -> str:
    inside = sum(count for name, count in source.ignored.items() if name == folder or name.startswith(f"{folder}/"))
    why = f"has {inside:,} files, none of them with the extension of a picture (.jpg, .png, ...)" if inside else "is empty"
    return f"The folder '{printable(folder)}' {why}: it is not used, and is no class."
