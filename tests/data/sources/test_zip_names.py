"""The names of zips that do not say how they are encoded, and zips with impossible numbers."""

import struct
import unicodedata
import zipfile
import zlib
from pathlib import Path

import pytest
from tests.data.test_open import png

from alexnet.data.open import open_dataset
from alexnet.data.sources.encodings import guess_encoding
from alexnet.data.sources.folder import open_source
from alexnet.data.verbs import inspect, pack
from alexnet.errors import BadDataset, UnreadableImage


def unmarked(path: Path, *names: bytes, extra: bytes = b"") -> Path:
    """A zip whose names are these bytes, not marked as UTF-8."""
    plain = {"XYZ"[number] * len(name): name for number, name in enumerate(names)}
    with zipfile.ZipFile(path, "w") as archive:
        for word in plain:
            info = zipfile.ZipInfo(word)
            info.extra = extra
            archive.writestr(info, png())
    content = path.read_bytes()
    for word, name in plain.items():
        content = content.replace(word.encode(), name)
    path.write_bytes(content)
    return path


WORDS = [
    ("gbk", "狗"),
    ("gbk", "猫\uff08二\uff09"),
    ("cp437", "Zürich"),
    ("cp437", "café"),
    ("cp866", "кошка"),
    ("cp1252", "café"),
    ("cp1252", "français"),
    ("utf-8", "café"),
    ("utf-8", "狗"),
]


@pytest.mark.parametrize(("encoding", "word"), WORDS)
def test_names_are_decoded_as_what_they_are(tmp_path: Path, encoding: str, word: str) -> None:
    assert guess_encoding([word.encode(encoding), b"plain"]) == encoding
    dataset = open_dataset(unmarked(tmp_path / "a.zip", f"{word}/1.png".encode(encoding), b"dogs/22.png"))
    assert dataset.classes == tuple(sorted((word, "dogs")))
    assert dataset.image(1).shape == (3, 4, 6)
    said = [remark for remark in dataset.remarks if f"'{word}'" in remark]
    assert len(said) == (encoding != "utf-8")


def test_what_no_guess_explains_is_read_as_the_zip_format_says() -> None:
    assert guess_encoding([b"\xb0\xb1\xb2/1.png"]) == "cp437"


def test_the_unicode_path_is_believed_for_the_name_it_belongs_to(tmp_path: Path) -> None:
    raw = "狗/11.png".encode("gbk")
    for crc, classes in ((zlib.crc32(raw), ("кошка", "dog")), (1, ("dog", "狗"))):
        field = struct.pack("<BI", 1, crc) + "кошка/11.png".encode()
        extra = struct.pack("<HH", 0x7075, len(field)) + field
        dataset = open_dataset(unmarked(tmp_path / f"{crc}.zip", raw, b"dog/222.png", extra=extra))
        assert dataset.classes == tuple(sorted(classes))
        assert bool(dataset.remarks) == (crc == 1)


def test_the_shared_gbk_zip(shared_data: Path) -> None:
    assert open_dataset(shared_data / "cases" / "gbk.zip").classes == ("狗狗1", "猫猫0")


def outcome(path: Path) -> str:
    """What opening and reading everything comes to: a message, or the number of images."""
    try:
        source = open_source(path)
    except BadDataset as mistake:
        return str(mistake)
    for name in source.names:
        try:
            source.read(name)
        except UnreadableImage as mistake:
            return str(mistake)
    return f"{len(source.names)} images"


def test_an_empty_name_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cat/1.png", png())
        archive.writestr("x", b"")
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\1\2")
    content[at + 28 : at + 30] = bytes(2)  # a name of no bytes; its byte becomes extra data
    content[at + 30 : at + 32] = b"\1\0"
    path.write_bytes(content)
    assert "a file without a name" in outcome(path)


@pytest.mark.parametrize("place", [20, 24, 42])  # packed bytes, bytes, offset of the local header
@pytest.mark.parametrize("number", [2**31 - 1, 2**32 - 2, 2**63 - 1, 2**64 - 1])
def test_impossible_numbers_of_a_member(tmp_path: Path, place: int, number: int) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cat/1.png", png())
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\1\2")
    if number < 2**32 - 1:
        content[at + place : at + place + 4] = struct.pack("<I", number)
    else:  # ZIP64: the number is in an extra field
        content[at + place : at + place + 4] = b"\xff" * 4
        field = struct.pack("<HHQ", 1, 8, number)
        content[at + 30 : at + 32] = struct.pack("<H", len(field))
        name_end = at + 46 + len("cat/1.png")
        content[name_end:name_end] = field
        end = content.rindex(b"PK\5\6")
        content[end + 12 : end + 16] = struct.pack("<I", struct.unpack_from("<I", content, end + 12)[0] + len(field))
    path.write_bytes(content)
    said = outcome(path)
    assert "cut short" in said or "limit is 256 MB" in said, said


@pytest.mark.parametrize("number", range(22))
def test_a_damaged_end_of_a_zip_is_one_message(tmp_path: Path, number: int) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cat/1.png", png())
    content = bytearray(path.read_bytes())
    content[len(content) - 22 + number] ^= 0xFF
    path.write_bytes(content)
    assert outcome(path)


def test_names_over_255_bytes_are_read_and_packed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number, name in enumerate((f"{'c' * 300}/{'é' * 300}.png", "dog/1.png")):
            archive.writestr(name, png(colour=("red", "blue")[number]))
    dataset = open_dataset(tmp_path / "a.zip")
    assert dataset.image(0).shape == (3, 4, 6)
    pack(dataset, tmp_path / "packed.zip", size=16)
    assert open_dataset(tmp_path / "packed.zip").classes == ("c" * 300, "dog")


@pytest.mark.parametrize("data", ["", "x" * 300, "x/" * 3000, "imagenet:" + "x" * 300])
def test_data_that_is_no_path_is_one_message(data: str) -> None:
    """An empty word is not the current folder."""
    for verb in (open_dataset, inspect, lambda data: pack(data, "packed.zip")):
        with pytest.raises(BadDataset):
            verb(data)


def test_a_pack_keeps_classes_and_folders_of_decomposed_names(tmp_path: Path) -> None:
    folder = unicodedata.normalize("NFD", "café")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(f"{folder}/deep/1.png", png())
        archive.writestr("dog/1.png", png(colour="blue"))
    pack(tmp_path / "a.zip", tmp_path / "packed.zip", size=16)
    packed = open_dataset(tmp_path / "packed.zip")
    assert packed.classes == (unicodedata.normalize("NFC", "café"), "dog")
    assert packed.items[0].name == f"{packed.classes[0]}/deep/1.jpg"
