"""Tars of every kind and every kind of damage: whole or refused, never fewer images, never a traceback, never much memory."""

import gzip
import io
import lzma
import resource
import struct
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.data.open import open_dataset
from alexnet.data.sources.folder import open_source
from alexnet.data.sources.tar_headers import LARGEST_HEADER
from alexnet.errors import AlexNetError, BadDataset, UnreadableImage

CONTENTS = {f"{kind}/{number}.png": f"{kind}{number}".encode() * 100 for kind in ("cat", "dog") for number in range(3)}
COMPRESSED: dict[str, Callable[[bytes], bytes]] = {"tar": bytes, "tar.gz": gzip.compress, "tar.xz": lzma.compress}


def packed(contents: dict[str, bytes] = CONTENTS, *, form: int = tarfile.GNU_FORMAT, fields: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size, member.pax_headers = len(content), fields or {}
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def header(name: str, size: int, kind: bytes = b"0", magic: bytes = b"ustar\x0000") -> bytes:
    """One header block; a negative or large size is written in base 256."""
    block = bytearray(512)
    block[: len(name)] = name.encode()
    block[100:108] = b"0000644\0"
    block[124:136] = b"%011o\0" % size if 0 <= size < 8**11 else (b"\xff" if size < 0 else b"\x80") + size.to_bytes(11, "big", signed=True)
    block[156:157], block[257 : 257 + len(magic)] = kind, magic
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def outcome(path: Path) -> str:
    """What opening and reading everything comes to: messages, or the number of images."""
    try:
        source = open_source(path)
        contents = [source.read(name) for name in source.names]
    except AlexNetError as mistake:
        return str(mistake)
    return f"{len(contents)} images"


@pytest.mark.parametrize("kind", COMPRESSED)
def test_a_tar_cut_at_any_block_is_refused(tmp_path: Path, kind: str) -> None:
    whole = packed()
    contained = len(whole.rstrip(b"\0")) // 512 * 512 + 512
    path = tmp_path / f"a.{kind}"
    for cut in range(512, contained + 1024, 512):
        path.write_bytes(COMPRESSED[kind](whole[:cut]))
        assert "is not a complete tar: it is cut short" in outcome(path), cut
    path.write_bytes(COMPRESSED[kind](whole[: contained + 1024]))
    assert outcome(path) == "6 images"


@pytest.mark.parametrize("kind", COMPRESSED)
def test_a_header_of_zeros_between_members_is_no_end(tmp_path: Path, kind: str) -> None:
    whole = bytearray(packed())
    whole[1024:1536] = bytes(512)  # the header of the second member
    (tmp_path / f"a.{kind}").write_bytes(COMPRESSED[kind](bytes(whole)))
    assert "damaged" in outcome(tmp_path / f"a.{kind}")


@pytest.mark.parametrize("magic", [b"", b"ustar  \0", b"ustar\x0000"])
@pytest.mark.parametrize("kind", COMPRESSED)
def test_tars_of_every_age_and_with_a_label(tmp_path: Path, kind: str, magic: bytes) -> None:
    members = b"".join(header(name, len(content), b"\0", magic) + padded(content) for name, content in CONTENTS.items())
    path = tmp_path / f"a.{kind}"
    for label in (b"", header("my label", 0, b"V", magic)):
        path.write_bytes(COMPRESSED[kind](label + members + bytes(1024)))
        assert outcome(path) == "6 images"


def test_a_volume_of_several_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(header("cat/1.png", 3, b"M") + padded(b"abc") + bytes(1024))
    assert "one volume of a tar of several" in outcome(tmp_path / "a.tar")


SPARSE_FIELDS = [
    {"GNU.sparse.size": "1000", "GNU.sparse.numblocks": "0"},
    {"GNU.sparse.size": "1000", "GNU.sparse.map": "0,10"},
    {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "cat/0.png", "GNU.sparse.realsize": "1000"},
    {"GNU.sparse.map": "abc"},
    {"GNU.sparse.realsize": "abc"},
    {"GNU.sparse.size": "1" + "0" * 20},
    {"GNU.sparse.major": "abc", "GNU.sparse.minor": "-1"},
]


@pytest.mark.parametrize("fields", SPARSE_FIELDS)
def test_a_sparse_member_is_one_unreadable_image(tmp_path: Path, fields: dict[str, str]) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(packed({"cat/0.png": b"x" * 700}, form=tarfile.PAX_FORMAT, fields=fields))
    with pytest.raises(UnreadableImage, match=r"cat/0\.png is stored as a sparse file inside the tar; pack it again"):
        open_source(path).read("cat/0.png")


@pytest.mark.parametrize("continued", [0, 2])
def test_an_old_sparse_member_is_passed_over_with_its_map(tmp_path: Path, continued: int) -> None:
    block = bytearray(header("cat/0.png", 512, b"S", b"ustar  \0"))
    block[482] = bool(continued)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    more = b"".join(bytes(504) + bytes([number > 0]) + bytes(7) for number in reversed(range(continued)))
    (tmp_path / "a.tar").write_bytes(bytes(block) + more + bytes(512) + header("dog/1.png", 3) + padded(b"abc") + bytes(1024))
    source = open_source(tmp_path / "a.tar")
    assert source.names == ("cat/0.png", "dog/1.png")
    assert source.read("dog/1.png") == b"abc"
    with pytest.raises(UnreadableImage, match="sparse"):
        source.read("cat/0.png")


@pytest.mark.parametrize("size", ["abc", "-1", "1" + "0" * 20, "9" * 5000, "", "1.5", "\u0661"])
def test_impossible_sizes_in_pax_fields(tmp_path: Path, size: str) -> None:
    (tmp_path / "a.tar").write_bytes(packed({"cat/0.png": b"x"}, form=tarfile.PAX_FORMAT, fields={"size": size}))
    assert "damaged" in outcome(tmp_path / "a.tar")


@pytest.mark.parametrize("size", [-1, -512, 10**12, 2**62, 2**63, 2**80])
@pytest.mark.parametrize("kind", COMPRESSED)
def test_impossible_sizes_in_headers(tmp_path: Path, kind: str, size: int) -> None:
    (tmp_path / f"a.{kind}").write_bytes(COMPRESSED[kind](header("cat/0.png", size) + padded(b"x") + bytes(1024)))
    said = outcome(tmp_path / f"a.{kind}")
    assert "damaged" in said or "unpacked" in said, said


@pytest.mark.parametrize(
    "records", [b"9 path=x\n", b"99999 path=x\n", b"x path=x\n", b"\xff\xfe", b"10 path=xx\0", b"0 a=b\n", b"-5 a=b\n"]
)
def test_pax_fields_that_are_none(tmp_path: Path, records: bytes) -> None:
    content = header("pax", len(records), b"x") + padded(records) + header("cat/0.png", 1) + padded(b"x") + bytes(1024)
    (tmp_path / "a.tar").write_bytes(content)
    assert outcome(tmp_path / "a.tar")


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("kind", COMPRESSED)
def test_long_names_are_read(tmp_path: Path, kind: str, form: int) -> None:
    contents = {f"cat/{'é' * 300}/{'b' * 400}.png": b"long", f"{'d' * 300}/1.png": b"class", "cat/1.png": b"short"}
    (tmp_path / f"a.{kind}").write_bytes(COMPRESSED[kind](packed(contents, form=form)))
    source = open_source(tmp_path / f"a.{kind}")
    assert {name: source.read(name) for name in source.names} == contents
    assert open_dataset(tmp_path / f"a.{kind}").classes == ("cat", "d" * 300)


@pytest.mark.parametrize("kind", [b"x", b"g", b"X", b"L", b"K"])
@pytest.mark.parametrize("packing", COMPRESSED)
def test_a_header_of_gigabytes_is_refused(tmp_path: Path, packing: str, kind: bytes) -> None:
    (tmp_path / f"a.{packing}").write_bytes(COMPRESSED[packing](header("bomb", 3 << 30, kind) + bytes(4096)))
    assert "has a header of 3,221,225,472 bytes, and at most 1,048,576 are read" in outcome(tmp_path / f"a.{packing}")
    assert LARGEST_HEADER == 1 << 20


@pytest.mark.skipif(sys.platform == "win32", reason="resource is POSIX")
def test_a_small_archive_that_unpacks_to_gigabytes_takes_no_memory(tmp_path: Path) -> None:
    """Four GB of zeros before the first image, in 4 MB of gzip: refused by the limit, read in little memory."""
    path = tmp_path / "a.tar.gz"
    with path.open("wb") as file:
        file.write(gzip.compress(header("video.mp4", 4 << 30)))
        chunk = gzip.compress(bytes(16 << 20), 9)
        for _ in range(16):  # the rest would be more of the same, and is not reached
            file.write(chunk)
    code = (
        "import resource, sys; from pathlib import Path; from alexnet.data.sources.folder import open_source\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: open_source(Path(sys.argv[1]))\n"
        "except Exception as mistake: print(type(mistake).__name__, mistake)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, timeout=60)
    said, grown = done.stdout.strip().rsplit("\n", 1)
    assert said.startswith("BadDataset"), said
    assert int(grown) < 200_000  # KB
    assert resource.getpagesize()


@given(st.integers(0, 6 * 1024 - 1), st.integers(1, 255), st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT]))
def test_any_flipped_byte_is_a_message_or_an_image(tmp_path_factory: pytest.TempPathFactory, at: int, change: int, form: int) -> None:
    content = bytearray(packed(form=form, fields={"comment": "é"} if form == tarfile.PAX_FORMAT else None))
    content[at % len(content)] ^= change
    path = tmp_path_factory.mktemp("flipped") / "a.tar"
    path.write_bytes(content)
    assert outcome(path)


def test_names_in_another_encoding_are_decoded_and_it_is_said(tmp_path: Path) -> None:
    raw = header("@@@@/1.png", 3).replace(b"@@@@", "猫狗".encode("gbk"))
    block = bytearray(raw)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    (tmp_path / "a.tar").write_bytes(bytes(block) + padded(b"abc") + header("dog/2.png", 3) + padded(b"abc") + bytes(1024))
    dataset = open_dataset(tmp_path / "a.tar")
    assert dataset.classes == ("dog", "猫狗")
    assert dataset.content(1) == b"abc"
    assert "GBK" in dataset.remarks[0]


def test_a_file_without_a_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(header("cat/1.png", 0) + header("", 3) + padded(b"abc") + bytes(1024))
    with pytest.raises(BadDataset, match="a file without a name"):
        open_source(tmp_path / "a.tar")


def test_sizes_in_base_256(tmp_path: Path) -> None:
    block = bytearray(header("cat/1.png", 3))
    block[124:136] = b"\x80" + struct.pack(">11s", (3).to_bytes(11, "big"))
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    (tmp_path / "a.tar").write_bytes(bytes(block) + padded(b"abc") + bytes(1024))
    assert outcome(tmp_path / "a.tar") == "1 images"
