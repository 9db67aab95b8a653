"""The index of a packed data set: all facts about its images, as columns, at the end of the zip itself.

It is the zip's last member, stored under a hidden name in the safetensors layout, and begins at a multiple of 64 bytes, so that its columns
are aligned. It is read into memory at once (300 bytes per image), where the columns are used in place. The zip's comment records the
positions of the index and of the central directory: if another tool has changed the zip, they no longer match, and the index is not used.
Whatever is read here may be damaged or hostile.
"""

import json
import math
import re
import zlib
from dataclasses import asdict, dataclass, fields
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from alexnet.data.dataset import SPLIT_NAMES, Traits
from alexnet.data.item_table import UNSPLIT
from alexnet.data.packs.image import PRODUCTS
from alexnet.data.packs.zip_records import LOCAL, Contents, aligned_header, directory_record, is_end_of
from alexnet.data.pipeline.colour_statistics import ColourPCA, principal_colours
from alexnet.data.sources.source import MAX_FILE_BYTES, PositionedFile
from alexnet.errors import BadDataset, UnsafeArchive
from alexnet.storage.records import convert, parse_json

FORMAT = "1"
MEMBER = b".alexnet/index.safetensors"
ALIGNMENT = 64
LONGEST_LOCAL_HEADER = LOCAL.size + len(MEMBER) + 20 + 4 + ALIGNMENT  # bytes: with the ZIP64 field and the filler
LARGEST_SUM = (1 << 80) - 1
PART_BYTES = 64 << 20  # that are read at once
LARGEST_HEADER = 64 << 20  # bytes of JSON; a class name takes about 20
COMMENT = "alexnet pack 1: index at {:019d}, {:019d} bytes; contents at {:019d}, {:019d} bytes, {:019d} members"
COMMENT_BYTES = len(COMMENT.format(*[0] * 5))
PATTERN = re.compile(re.sub(r"\\{:019d\\}", r"([0-9]{19})", re.escape(COMMENT)).encode())
TAIL_BYTES = 98 + COMMENT_BYTES  # the three end records and the comment

# The columns, wide numbers first so that all are aligned: the type in the file, the type in numpy, the shape per image.
COLUMNS: dict[str, tuple[str, str, tuple[int, ...]]] = {
    "offsets": ("I64", "<i8", ()),  # of the image's bytes in the zip
    "ends": ("I64", "<i8", ()),  # where its name ends in `names`
    "digests": ("U64", "<u8", ()),
    "sizes": ("U32", "<u4", ()),  # bytes
    "checksums": ("U32", "<u4", ()),  # CRC-32
    "labels": ("I32", "<i4", ()),
    "native": ("I32", "<i4", (2,)),  # width and height of the source, px
    "splits": ("I8", "|i1", ()),
    "gray": ("U8", "|u1", ()),
    "thumbnails": ("U8", "|u1", (16, 16)),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ColourSums:
    """The whole-number sums of the three colours, and of their products in the order of PRODUCTS, over `pixels` pixels."""

    pixels: int
    colours: tuple[int, ...]
    products: tuple[int, ...]

    def pca(self) -> ColourPCA | None:
        """Mean and principal colours, as from `colour_pca`; None without pixels."""
        if not self.pixels:
            return None
        products = torch.zeros(3, 3, dtype=torch.float64)
        for (row, column), value in zip(PRODUCTS, self.products, strict=True):
            products[row, column] = products[column, row] = value
        return principal_colours(torch.tensor(self.colours, dtype=torch.float64), products, self.pixels)


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """The facts about a packed data set as a whole.

    size: px of the short side; quality: of the JPEGs that were encoded; folders: the folder of each class in the zip; colours: of the
    training images' fitted centre squares (all images without a split are training images).
    """

    classes: tuple[str, ...]
    folders: tuple[str, ...]
    traits: Traits
    size: int
    quality: int
    colours: ColourSums

    def to_metadata(self) -> dict[str, str]:
        """The facts as JSON strings, because safetensors metadata holds strings only."""
        return {"format": FORMAT} | {field: json.dumps(value) for field, value in asdict(self).items()}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Index:
    """The columns, N long, as views of the index in memory (see COLUMNS), with the names concatenated, and the facts."""

    offsets: NDArray[np.int64]
    ends: NDArray[np.int64]
    digests: NDArray[np.uint64]
    sizes: NDArray[np.uint32]
    checksums: NDArray[np.uint32]
    labels: NDArray[np.int32]
    native: NDArray[np.int32]
    splits: NDArray[np.int8]
    gray: NDArray[np.uint8]
    thumbnails: NDArray[np.uint8]
    names: NDArray[np.uint8]
    facts: Facts


def index_header(count: int, name_bytes: int, facts: Facts) -> tuple[bytes, int]:
    """The bytes before the columns, and the size of the whole index in bytes."""
    layout: dict[str, Any] = {"__metadata__": facts.to_metadata()}
    at = 0
    for name, (kind, dtype, shape) in (*COLUMNS.items(), ("names", ("U8", "|u1", ()))):
        rows = name_bytes if name == "names" else count
        size = rows * math.prod(shape) * np.dtype(dtype).itemsize
        layout[name] = {"dtype": kind, "shape": [rows, *shape], "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(layout, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    return len(text).to_bytes(8, "little") + text, 8 + len(text) + at


def comment_for(offset: int, size: int, contents: Contents) -> bytes:
    """The zip's comment: the positions of the index and of the central directory."""
    return COMMENT.format(offset, size, contents.offset, contents.size, contents.entries).encode()


def read_index(file: PositionedFile, *, verified: bool = False) -> tuple[mmap, Index] | None:
    """The index of a zip, and the memory that holds it; None if it has none, or another tool has changed the zip since it was packed.

    The memory is anonymous and shared: processes that are forked later have no copies of it. Every byte of the index, of its header and of
    its entry in the central directory is checked. verified: the checksum has been compared when the file was opened before, by the process
    that this one works for. Raises BadDataset for a damaged index, UnsafeArchive for names that point outside the archive.
    """
    place, path = _place(file), file.path
    if place is None:
        return None
    offset, size, contents = place
    try:
        mapped = _in_memory(file, offset, size)
        index = _read(mapped, size)
        _check(index, offset, contents)
        _check_names(index, path)
        _require(verified or _is_whole(file, mapped, offset, size, contents), "its checksum differs")
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as problem:
        raise BadDataset(
            f"{path} is a packed data set whose index is damaged ({problem}). Copy it again, or unzip it and use the folder."
        ) from None
    return mapped, index


def _is_whole(file: PositionedFile, mapped: mmap, offset: int, size: int, contents: Contents) -> bool:
    """Whether the header before the index and the last entry of the central directory are those of a member with exactly these bytes."""
    with memoryview(mapped) as memory, memory[:size] as index:
        crc = zlib.crc32(index)
    first = max(0, offset - LONGEST_LOCAL_HEADER)
    before = file.read(first, offset - first)
    start = before.rfind(MEMBER) - LOCAL.size
    if start < 0:
        return False
    header = aligned_header(MEMBER, size, crc, at=first + start, step=ALIGNMENT)
    entry = directory_record(MEMBER, first + start, size, crc)
    last = file.read(contents.offset + contents.size - len(entry), len(entry))
    return before[start:] == header and last == entry


def _place(file: PositionedFile) -> tuple[int, int, Contents] | None:
    tail = file.read(max(0, file.size - TAIL_BYTES), TAIL_BYTES)
    comment = tail[-COMMENT_BYTES:] if file.size > COMMENT_BYTES else b""
    found = PATTERN.fullmatch(comment)
    if found is None:
        return None
    offset, size, *where = (int(digits) for digits in found.groups())
    contents = Contents(*where)
    inside = offset + size <= contents.offset <= file.size and max(contents.size, contents.entries) <= file.size
    if not inside or not is_end_of(tail, contents, comment, file.size):
        return None
    return offset, size, contents


def _in_memory(file: PositionedFile, offset: int, size: int) -> mmap:
    """A copy of `size` bytes of the file."""
    _require(size >= 8, "its header is too long")
    memory = mmap(-1, size)
    for start in range(0, size, PART_BYTES):
        part = file.read(offset + start, min(PART_BYTES, size - start))
        _require(len(part) == min(PART_BYTES, size - start), "the file has become shorter")
        memory[start : start + len(part)] = part
    return memory


def _read(mapped: mmap, size: int) -> Index:
    length = int.from_bytes(mapped[:8], "little")
    _require(size >= 8 and length <= min(LARGEST_HEADER, size - 8), "its header is too long")
    layout = parse_json(mapped[8 : 8 + length])
    facts = _facts(layout["__metadata__"])
    start, room = 8 + length, size - 8 - length
    counts = {name: layout[name]["shape"][0] for name in (*COLUMNS, "names")}
    count, name_bytes = counts["offsets"], counts["names"]
    _require(all(type(rows) is int and 0 < rows <= size for rows in counts.values()), "a column has an impossible length")
    expected = json.loads(index_header(count, name_bytes, facts)[0][8:])
    _require({name: layout[name] for name in counts} == {name: expected[name] for name in counts}, "its columns are not those of a pack")
    _require(expected["names"]["data_offsets"][1] == room, "the lengths of its columns do not match its size")
    columns = {
        name: np.frombuffer(mapped, dtype, count * math.prod(shape), start + layout[name]["data_offsets"][0]).reshape(count, *shape)
        for name, (_, dtype, shape) in COLUMNS.items()
    }
    names = np.frombuffer(mapped, np.uint8, name_bytes, start + layout["names"]["data_offsets"][0])
    return Index(**columns, names=names, facts=facts)


def _facts(metadata: object) -> Facts:
    texts = convert(dict[str, str], metadata, "__metadata__")
    _require(texts.get("format") == FORMAT, "it is of a later version; update alexnet")
    members = ",".join(f"{json.dumps(field.name)}:{texts[field.name]}" for field in fields(Facts))
    facts = convert(Facts, parse_json(f"{{{members}}}", largest=LARGEST_SUM))
    colours = facts.colours
    _require(len(facts.classes) == len(facts.folders) == len(set(facts.classes)), "its classes are not distinct")
    _require(0 < facts.size <= 65_535 and 0 < facts.quality <= 65_535, "its size is impossible")
    _require(min(colours.pixels, *colours.colours, *colours.products) >= 0, "its colours are impossible")
    _require((len(colours.colours), len(colours.products)) == (3, len(PRODUCTS)), "its colours are impossible")
    return facts


def _check(index: Index, limit: int, contents: Contents) -> None:
    """Raise ValueError if a number is impossible; `limit` is where the images' bytes end."""
    sizes, offsets = index.sizes.astype(np.int64), index.offsets
    _require(len(offsets) == contents.entries - 1, "its number of pictures differs from the zip's")
    _require(bool((offsets >= 0).all() and (offsets <= limit - sizes).all()), "a picture is outside the file")
    _require(int(sizes.max()) <= MAX_FILE_BYTES, "a picture is too large")
    _require(int(index.labels.min()) >= 0 and int(index.labels.max()) < len(index.facts.classes), "a picture has an unknown class")
    _require(int(index.splits.min()) >= UNSPLIT and int(index.splits.max()) < len(SPLIT_NAMES), "a picture has an unknown split")
    _require(int(index.native.min()) > 0 and int(index.gray.max()) <= 1, "a picture has an impossible size")
    lengths = np.diff(index.ends, prepend=0)
    _require(bool((index.ends > 0).all() and (lengths > 0).all()) and int(index.ends[-1]) == len(index.names), "its names do not fit")


def _check_names(index: Index, path: Path) -> None:
    """Raise UnsafeArchive if a name begins with / or a drive, or has the part `..`."""
    names, starts = index.names, index.ends - np.diff(index.ends, prepend=0)
    dots = np.flatnonzero((names[:-1] == ord(".")) & (names[1:] == ord(".")))  # few, mostly none
    borders = np.concatenate([starts, np.flatnonzero(names == ord("/")) + 1]) if len(dots) else starts
    climbing = np.isin(dots, borders) & np.isin(dots + 2, np.concatenate([borders - 1, index.ends])) if len(dots) else dots
    forbidden = names[starts] == ord("/"), (names == ord("\\")) | (names == ord(":")) | (names == 0), climbing
    if any(bool(found.any()) for found in forbidden):
        raise UnsafeArchive(f"{path} has an index with names that point outside the archive. Do not use it: it may be malicious.")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise ValueError(problem)
