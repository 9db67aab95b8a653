"""A compressed model in one file, `alexnet export --compress`: the model card, where it comes from, and the weights as few shared values.

    magic, bytes of the header, its size when unpacked, SHA-256 of what follows | header (JSON, Deflate) | the blocks of each tensor

Nothing in a file is run, and nothing is believed: every size is compared with the others, with the network that the model card describes,
and with the free memory, before anything of that size is made.
"""

import hashlib
import json
import math
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alexnet.errors import AlexNetError, BadModel
from alexnet.inference.model_card import ModelCard, model_card_from
from alexnet.models.networks.architecture import vary
from alexnet.models.networks.shapes import trace
from alexnet.models.registry import find_architecture
from alexnet.runtime.machine import available_bytes
from alexnet.storage.records import convert, parse_json
from alexnet.storage.regular_files import open_regular
from alexnet.storage.shared_weights import MOST_VALUES, SharedWeights, packed, positions_of, unpacked

MAGIC = b"\x89ANET\r\n\x01"  # as PNG's: a copy that changes line ends is noticed
PRELUDE = struct.Struct("<8sII32s")
FORMAT = 1
LARGEST_FILE, LARGEST_HEADER = 1 << 31, 64_000_000  # bytes
WEIGHTS_PER_BYTE = 4096  # at most: a small file must not fill a large memory
COPIES = 2  # of the weights while a file is read: the tensors, and the network that they are copied into
DTYPES = {"float32": np.float32, "float16": np.float16, "int64": np.int64}
Coding = Literal["shared", "plain"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorEntry:
    """A tensor in the header. blocks: bytes of each of its blocks in the file, in order.

    coding: "shared" has the blocks gaps, numbers and values, for `survivors` weights at `gaps` gap bytes with `values` values; "plain"
    has one, the numbers in `dtype`, which are read as float32 if that is float16.
    """

    name: str
    shape: tuple[int, ...]
    coding: Coding
    blocks: tuple[int, ...]
    survivors: int = 0
    gaps: int = 0
    values: int = 0
    dtype: str = "float32"

    @property
    def numbers(self) -> int:
        """Numbers in the tensor."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """The header. model_json: the model card. record: what compression did, and what it cost; provenance: where the weights come from."""

    format: int
    model_json: dict[str, Any]
    record: dict[str, Any]
    provenance: dict[str, Any]
    tensors: tuple[TensorEntry, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CompressedModel:
    """What a file holds: the model card and the network's tensors by name, ready to load."""

    model_card: ModelCard
    tensors: dict[str, Tensor]
    record: dict[str, Any]
    provenance: dict[str, Any]


def content_of(
    model_json: Mapping[str, Any],
    record: Mapping[str, Any],
    provenance: Mapping[str, Any],
    tensors: Mapping[str, SharedWeights | NDArray[Any]],
) -> bytes:
    """The bytes of a file. tensors: shared weights, or arrays of float32, float16 or int64 that are stored as they are."""
    entries, blocks = [], []
    for name, tensor in tensors.items():
        entry, own = _coded(name, tensor)
        entries.append(entry)
        blocks += own
    header = Header(format=FORMAT, model_json=dict(model_json), record=dict(record), provenance=dict(provenance), tensors=tuple(entries))
    text = json_bytes(asdict(header))
    small = zlib.compress(text, 9)
    rest = b"".join([small, *blocks])
    return PRELUDE.pack(MAGIC, len(small), len(text), hashlib.sha256(rest).digest()) + rest


def json_bytes(values: Mapping[str, Any]) -> bytes:
    """JSON without spaces."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def _coded(name: str, tensor: SharedWeights | NDArray[Any]) -> tuple[TensorEntry, list[bytes]]:
    if isinstance(tensor, SharedWeights):
        gaps = tensor.gaps
        blocks = [packed(gaps.tobytes()), packed(tensor.numbers.tobytes()), tensor.values.astype("<f4").tobytes()]
        sizes = tuple(map(len, blocks))
        counted = TensorEntry(
            name=name,
            shape=tensor.shape,
            coding="shared",
            blocks=sizes,
            survivors=len(tensor.numbers),
            gaps=len(gaps),
            values=len(tensor.values),
        )
        return counted, blocks
    array = np.asarray(tensor, order="C")  # a counter of batches stays a single number
    blocks = [array.astype(array.dtype.newbyteorder("<")).tobytes()]
    return TensorEntry(name=name, shape=array.shape, coding="plain", blocks=(len(blocks[0]),), dtype=array.dtype.name), blocks


def read_compressed(path: Path) -> CompressedModel:
    """The model in a file; raises BadModel, with the reason, for what is no such file, or a damaged one."""
    try:
        with open_regular(path) as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as problem:
        raise BadModel(f"{path} cannot be read ({problem.strerror or problem}).") from None
    return compressed_from(content, str(path))


def compressed_from(content: bytes, name: str) -> CompressedModel:
    """The model in the bytes of a file called `name`; raises BadModel as `read_compressed` does."""
    try:
        header, place = _header(content)
        if convert(int, header.get("format"), "format") != FORMAT:
            raise BadModel(f"{name} was written by another version of alexnet. Export it again, or use that version.")
        read = convert(Header, header)
        model_card = model_card_from(read.model_json)
        _check_sizes(read, model_card, len(content), len(content) - place)
        tensors = dict(_tensors(read.tensors, content, place))
    except BadModel:
        raise
    except (ValueError, OverflowError, RecursionError, AlexNetError) as problem:
        raise BadModel(f"{name} cannot be read as a compressed model ({problem}). Copy the file again, or export it again.") from None
    return CompressedModel(model_card=model_card, tensors=tensors, record=read.record, provenance=read.provenance)


def _header(content: bytes) -> tuple[dict[str, Any], int]:
    """The header's JSON object, and where the blocks begin."""
    if len(content) > LARGEST_FILE:
        raise ValueError(f"it is larger than {LARGEST_FILE:,} bytes")
    if len(content) < PRELUDE.size or not content.startswith(MAGIC):
        raise ValueError("it does not begin as one")
    _, small, size, digest = PRELUDE.unpack_from(content)
    rest = memoryview(content)[PRELUDE.size :]
    if hashlib.sha256(rest).digest() != digest:
        raise ValueError("its checksum is wrong: it was cut short or changed")
    if small > len(rest) or size > LARGEST_HEADER:
        raise ValueError("its header is longer than possible")
    reader = zlib.decompressobj()
    try:
        text = reader.decompress(rest[:small], size + 1)
    except zlib.error:
        raise ValueError("its header cannot be decoded") from None
    if len(text) != size or not reader.eof:
        raise ValueError("its header has another size than it says")
    return parse_json(text), PRELUDE.size + small


def _check_sizes(header: Header, model_card: ModelCard, file_bytes: int, block_bytes: int) -> None:
    """Raise ValueError unless all sizes agree with each other, with the network and with the free memory. Only whole numbers are added."""
    entries = header.tensors
    for entry in entries:
        _check_entry(entry)
    if len({entry.name for entry in entries}) != len(entries):
        raise ValueError("two tensors have one name")
    if sum(sum(entry.blocks) for entry in entries) != block_bytes:
        raise ValueError("its blocks are longer or shorter than the file")
    numbers, needed = sum(entry.numbers for entry in entries), _parameters(model_card)
    if needed > numbers:
        raise ValueError(f"the network that it describes has {needed:,} weights, the file {numbers:,}")
    if numbers > WEIGHTS_PER_BYTE * file_bytes or 4 * COPIES * numbers > available_bytes():
        raise ValueError(f"{numbers:,} weights are more than {file_bytes:,} bytes can hold, or more than fit into the free memory")


def _check_entry(entry: TensorEntry) -> None:
    if any(side < 0 for side in entry.shape) or len(entry.shape) > 8 or any(size < 0 for size in entry.blocks):
        raise ValueError(f"the sizes of {entry.name[:80]} are impossible")
    if entry.coding == "plain":
        if entry.dtype not in DTYPES or entry.blocks != (entry.numbers * np.dtype(DTYPES[entry.dtype]).itemsize,):
            raise ValueError(f"{entry.name[:80]} has another size than its block")
        return
    longest = entry.survivors + entry.numbers // 255
    possible = 0 <= entry.survivors <= entry.numbers and entry.survivors <= entry.gaps <= longest and 0 <= entry.values <= MOST_VALUES
    if not possible or len(entry.blocks) != 3 or entry.blocks[2] != 4 * entry.values:
        raise ValueError(f"the counts of {entry.name[:80]} are impossible")


def _parameters(model_card: ModelCard) -> int:
    """Parameters of the network that a model card describes, by arithmetic alone; raises AlexNetError if there is no such network."""
    architecture = vary(find_architecture(model_card.model), model_card.network)
    sizes, classes = model_card.preprocess, len(model_card.classes)
    layers: Sequence[Any] = trace(architecture, classes=classes, channels=model_card.channels, image_size=sizes.image_size)
    return sum(layer.parameters for layer in layers)


def _tensors(entries: Sequence[TensorEntry], content: bytes, place: int) -> Iterator[tuple[str, Tensor]]:
    for entry in entries:
        blocks = []
        for size in entry.blocks:
            blocks.append(content[place : place + size])
            place += size
        try:
            yield entry.name, _shared(entry, blocks) if entry.coding == "shared" else _plain(entry, blocks[0])
        except ValueError as problem:
            raise ValueError(f"{entry.name[:80]}: {problem}") from None


def _plain(entry: TensorEntry, block: bytes) -> Tensor:
    array = np.frombuffer(block, np.dtype(DTYPES[entry.dtype]).newbyteorder("<")).reshape(entry.shape)
    return torch.from_numpy(array.astype(np.float32 if array.dtype.kind == "f" else np.int64))


def _shared(entry: TensorEntry, blocks: Sequence[bytes]) -> Tensor:
    gaps = np.frombuffer(unpacked(blocks[0], entry.gaps), np.uint8)
    numbers = np.frombuffer(unpacked(blocks[1], entry.survivors), np.uint8)
    values, positions = np.frombuffer(blocks[2], "<f4").astype(np.float32), positions_of(gaps)
    if len(positions) != entry.survivors or (len(positions) and positions[-1] >= entry.numbers):
        raise ValueError("its weights lie outside of it")
    if len(numbers) and int(numbers.max()) >= entry.values:
        raise ValueError("it uses a value that it does not have")
    return torch.from_numpy(SharedWeights(shape=entry.shape, positions=positions, numbers=numbers, values=values).dense())
