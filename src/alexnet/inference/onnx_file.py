"""An ONNX file read without trusting it, and without the onnx package: its metadata, and what a file from a stranger must not contain.

Only the fields that matter are read, straight from the wire format (protobuf.dev/programming-guides/encoding; onnx.proto for the numbers
of the fields); runtimes then parse the same bytes in full. Weights are passed over without being read, and nothing is mapped into memory:
a file that is cut short meanwhile is an error, where a map would end the process. Refused: tensors that are stored in other files, whose
paths a stranger could choose, and operators that are not ONNX's own, for which a runtime would need a stranger's library.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from alexnet.errors import BadModel
from alexnet.storage.regular_files import open_regular

LARGEST = 2_147_483_647  # bytes of one protobuf message
LARGEST_TEXT = 1 << 26  # bytes of a name or of metadata: the names of a million classes
DEEPEST = 16  # graphs inside graphs
HEAD = 4_096  # bytes that are read at once of a part that is on the disk
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types
GRAPH, OPSETS, METADATA, FUNCTIONS = 7, 8, 14, 25  # of ModelProto
NODES, INITIALIZERS, SPARSE = 1, 5, 15  # of GraphProto
OPERATOR, NODE_DOMAIN, ATTRIBUTES = 4, 7, 5  # of NodeProto
TENSOR, SUBGRAPH, TENSORS, SUBGRAPHS = 5, 6, 10, 11  # of AttributeProto
EXTERNAL_DATA, DATA_LOCATION = 13, 14  # of TensorProto
OWN_DOMAINS = (b"", b"ai.onnx", b"ai.onnx.ml")
RUNTIMES_DOMAINS = (b"com.microsoft",)  # of onnxruntime itself: fused and quantised operators, no library is loaded


@dataclass(frozen=True, slots=True)
class Span:
    """A part of an open file that has not been read: where it begins and its length in bytes."""

    file: BinaryIO
    start: int
    length: int

    def __len__(self) -> int:
        return self.length

    def read(self, place: int, most: int) -> memoryview:
        """Up to `most` of its bytes from `place` on; raises ValueError if the file has become shorter."""
        wanted = min(most, self.length - place)
        self.file.seek(self.start + place)
        content = self.file.read(wanted)
        if len(content) < wanted:
            raise ValueError("it became shorter while it was read")
        return memoryview(content)


Message = memoryview | Span
Field = tuple[int, int | Message]


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """A file that contains nothing foreign: its path, metadata, and what changes when the file does."""

    path: Path
    metadata: dict[str, str]
    signature: tuple[int, int, int]  # inode, bytes, nanoseconds of the last change

    def check_unchanged(self) -> None:
        """Raise BadModel if the file is not the one that was inspected."""
        if _signature(self.path) != self.signature:
            raise BadModel(f"{self.path} was changed while it was being opened. Open it again.")


def read_onnx(path: Path) -> OnnxFile:
    """Read and inspect a file; raises BadModel, with the reason, for one that is no ONNX model, cut short, or not self-contained."""
    signature = _signature(path)
    if signature[1] > LARGEST:
        raise BadModel(f"{path} has {signature[1]:,} bytes; an ONNX file has at most {LARGEST:,}.")
    try:
        with open_regular(path) as file:
            content = Span(file, 0, os.fstat(file.fileno()).st_size)
            return OnnxFile(path, _inspected(content, str(path)), signature)
    except OSError as problem:
        raise BadModel(f"{path} cannot be opened ({problem.strerror or problem}).") from None
    except (ValueError, UnicodeDecodeError, RecursionError) as problem:
        raise BadModel(f"{path} is no ONNX model, or is damaged or cut short ({problem}). Copy it again, or export it again.") from None


def _signature(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError as problem:
        raise BadModel(f"{path} cannot be opened ({problem.strerror or problem}).") from None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _inspected(model: Message, name: str) -> dict[str, str]:
    """The metadata of a model; raises BadModel for foreign parts, ValueError for what is no model."""
    metadata, graphs = {}, 0
    for number, value in _fields(model):
        if number == GRAPH:
            _inspect_graph(_message(value), name, 0)
            graphs += 1
        elif number == METADATA:
            pair = dict(_fields(_message(value)))
            metadata[_text(pair.get(1))] = _text(pair.get(2))
        elif number == FUNCTIONS:
            raise BadModel(f"{name} defines operators of its own, which are not read. Export it with ONNX's operators only.")
    if graphs != 1:
        raise ValueError("it holds no graph" if not graphs else "it holds several graphs")
    return metadata


def _inspect_graph(graph: Message, name: str, depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError(f"its graphs are nested more than {DEEPEST} deep")
    for number, value in _fields(graph):
        if number == NODES:
            _inspect_node(_message(value), name, depth)
        elif number == INITIALIZERS:
            _inspect_tensor(_message(value), name)
        elif number == SPARSE:
            for part in (1, 2):  # values and indices, tensors both
                for inner, tensor in _fields(_message(value)):
                    if inner == part:
                        _inspect_tensor(_message(tensor), name)


def _inspect_node(node: Message, name: str, depth: int) -> None:
    domain, operator = b"", b""
    for number, value in _fields(node):
        if number == NODE_DOMAIN:
            domain = _content(value)
        elif number == OPERATOR:
            operator = _content(value)
        elif number == ATTRIBUTES:
            _inspect_attribute(_message(value), name, depth)
    if domain not in (*OWN_DOMAINS, *RUNTIMES_DOMAINS):
        shown = f"{domain.decode('utf-8', 'backslashreplace')}.{operator.decode('utf-8', 'backslashreplace')}"
        raise BadModel(f"{name} uses the operator {shown[:80]}, which is not one of ONNX's own and would need a foreign library.")


def _inspect_attribute(attribute: Message, name: str, depth: int) -> None:
    for number, value in _fields(attribute):
        if number in (TENSOR, TENSORS):
            _inspect_tensor(_message(value), name)
        elif number in (SUBGRAPH, SUBGRAPHS):
            _inspect_graph(_message(value), name, depth + 1)


def _inspect_tensor(tensor: Message, name: str) -> None:
    for number, value in _fields(tensor):
        if number == EXTERNAL_DATA or (number == DATA_LOCATION and value != 0):
            raise BadModel(f"{name} keeps its numbers in other files, whose paths are not followed. Save it as one file.")


def _message(value: int | Message) -> Message:
    if isinstance(value, int):
        raise ValueError("a field has the wrong type")
    return value


def _content(value: int | Message) -> bytes:
    message = _message(value)
    if len(message) > LARGEST_TEXT:
        raise ValueError(f"a name in it has {len(message):,} bytes")
    return bytes(message.read(0, len(message)) if isinstance(message, Span) else message)


def _text(value: int | Message | None) -> str:
    return "" if value is None else _content(value).decode("utf-8")


def _fields(message: Message) -> Iterator[Field]:
    """(number, value) of each field of a message: bytes for messages and text, an int otherwise. Raises ValueError where it is cut."""
    place = 0
    while place < len(message):
        head = message.read(place, HEAD) if isinstance(message, Span) else message[place:]
        key, start = _varint(head, 0)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, start = _varint(head, start)
            yield number, value
            place += start
            continue
        length, start = _varint(head, start) if kind == BYTES else ({FIXED64: 8, FIXED32: 4}.get(kind, -1), start)
        if length < 0 or number == 0:
            raise ValueError("its bytes are not those of a model")
        if place + start + length > len(message):
            raise ValueError(f"it ends {place + start + length - len(message):,} bytes early")
        yield number, _part(message, head, place, start, length) if kind == BYTES else 0
        place += start + length


def _part(message: Message, head: memoryview, place: int, start: int, length: int) -> Message:
    """The part that begins `start` bytes after `place`, where the head has been read; a long one stays on the disk."""
    if isinstance(message, Span) and start + length > len(head):
        return Span(message.file, message.start + place + start, length)
    return head[start : start + length]


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """A whole number of seven bits a byte, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError("it ends in the middle of a number")
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError("its bytes are not those of a model")
