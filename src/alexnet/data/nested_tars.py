"""The files of a plain tar, or of a tar that lies inside another one: names, and where their bytes are. Nothing is unpacked.

A tar counts as complete only if it ends in the two blocks of zeros that end every tar. Knows nothing of pictures.
"""

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

from alexnet.data.files import PositionedFile, cut_short, safe_name
from alexnet.errors import UnsafeArchive

BLOCK = 512  # bytes; headers begin at multiples of it
END = bytes(2 * BLOCK)


@dataclass(frozen=True, slots=True)
class TarMember:
    """A regular file of a tar: its safe name, and where its bytes lie in the outermost file."""

    name: str
    offset: int
    size: int


def tar_members(file: PositionedFile, inside: TarMember | None = None) -> list[TarMember]:
    """All regular files of the tar `file`, or of the tar `inside` it, in the archive's order.

    Raises BadDataset if the tar is cut short or damaged, UnsafeArchive for a name that climbs out, and for a link: its target may lie
    anywhere, and no original has one.
    """
    path = file.path / inside.name if inside else file.path
    window = _Window(file, inside.offset, inside.size) if inside else _Window(file, 0, file.size)
    file.read(0, 1)  # a file that may not be read is not a damaged one: its OSError goes on
    members: list[TarMember] = []
    reached = 0
    try:
        with tarfile.open(fileobj=io.BufferedReader(window, 2 * BLOCK), mode="r:") as archive:
            for info in archive:
                if info.size < 0 or info.offset_data <= reached:  # a damaged size would lead back, and round for ever
                    raise EOFError
                reached = info.offset_data
                if _is_file(info, path):
                    members.append(TarMember(safe_name(info.name, path), window.start + info.offset_data, info.size))
            end = archive.offset
    except (tarfile.TarError, EOFError, OSError, ValueError):
        raise cut_short(path, "tar") from None
    if window.size % BLOCK or window.at(end, len(END)) != END:  # tarfile takes a damaged header for the end
        raise cut_short(path, "tar")
    return members


def _is_file(info: tarfile.TarInfo, path: Path) -> bool:
    if info.isdir():
        return False
    if not info.isreg() or info.issparse():
        safe_name(info.name, path)
        raise UnsafeArchive(
            f"{path} holds {info.name!r}, which is a link or another special file. The original has none: download it again."
        )
    return True


class _Window(io.RawIOBase):
    """`size` bytes of a file from `start`, as a file of their own."""

    def __init__(self, file: PositionedFile, start: int, size: int) -> None:
        self.file, self.start, self.size = file, start, size
        self.position = 0

    def at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes, none from beyond the window."""
        size = max(0, min(size, self.size - offset))
        return self.file.read(self.start + offset, size) if size else b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        return self.position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed's name for a buffer is private
        content = self.at(self.position, len(buffer))
        buffer[: len(content)] = content
        self.position += len(content)
        return len(content)
