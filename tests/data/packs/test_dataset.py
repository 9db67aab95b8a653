"""A pack read through its index: the same as any zip of class folders, but at once; and indices that nobody should trust."""

import gc
import io
import json
import mmap
import pickle
import shutil
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from alexnet.data.array_dataset import ArrayDataset
from alexnet.data.class_folders import FolderDataset
from alexnet.data.curation.inspection import inspect
from alexnet.data.curation.scan import survey
from alexnet.data.dataset import Dataset, Item, Traits
from alexnet.data.item_table import UNSPLIT, ItemTable
from alexnet.data.open import open_dataset
from alexnet.data.packs import footer
from alexnet.data.packs.dataset import PackedDataset
from alexnet.data.packs.index import COLUMNS, MEMBER, PATTERN, comment_for
from alexnet.data.packs.journal import COPIED, RECORD, Journal
from alexnet.data.packs.names import PackedNames
from alexnet.data.packs.writer import pack
from alexnet.data.packs.zip_records import Contents
from alexnet.data.pipeline.colour_statistics import colour_pca
from alexnet.data.pipeline.image_store import open_images
from alexnet.errors import BadDataset, UnreadableImage, UnsafeArchive

SIZE = 24


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of small colour photos, 8 to train and 2 to test of each."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(30):
        coarse = Image.fromarray(np.random.default_rng(number).integers(0, 256, (3, 3, 3), dtype=np.uint8))
        place = folder / ("test" if number < 6 else "train") / ("cat", "dog", "owl")[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        coarse.resize((30 + number, 50 - number), Image.Resampling.BICUBIC).save(place / f"{number:02}.png")
    return folder


@pytest.fixture(scope="module")
def packed(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("packed") / "photos.zip"
    pack(open_dataset(photos), out, size=SIZE)
    return out


@pytest.fixture
def copy(packed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(packed, tmp_path / "photos.zip"))


def opened(path: Path) -> PackedDataset:
    dataset = open_dataset(path)
    assert isinstance(dataset, PackedDataset)
    return dataset


def test_it_is_the_same_data_set_as_its_own_folders(packed: Path) -> None:
    dataset, folders = opened(packed), FolderDataset(packed)
    assert dataset.name == folders.name
    assert dataset.classes == dataset.folders == folders.classes == ("cat", "dog", "owl")
    assert tuple(dataset.items) == folders.items
    assert dataset.traits == folders.traits == Traits(flip=True, colour=True)
    assert all(dataset.content(index) == folders.content(index) for index in range(30))
    assert dataset.header(29) == folders.header(29)
    assert inspect(dataset) == inspect(folders)


def test_what_is_known_is_what_would_be_found(photos: Path, packed: Path) -> None:
    dataset = opened(packed)
    known, found, source = (
        dataset.known_survey(),
        survey(dataset, SIZE, "crop", workers=0),
        survey(open_dataset(photos), SIZE, "crop", workers=0),
    )
    assert np.array_equal(known.fingerprints.digests, found.fingerprints.digests)
    assert np.array_equal(known.fingerprints.thumbnails, found.fingerprints.thumbnails)
    assert known.readable == found.readable == tuple(range(30))
    assert (known.modes, known.skipped) == (found.modes, ())
    assert np.array_equal(known.native, source.native)
    assert torch.from_numpy(known.native).dtype == torch.int32  # may be written to, or torch would warn


def test_the_colours_are_those_of_the_training_squares(packed: Path) -> None:
    dataset = opened(packed)
    training = [index for index, item in enumerate(dataset.items) if item.split == "train"]
    expected = colour_pca(dataset.fitted(index, SIZE, "crop")[0] for index in training)
    found = dataset.known_colours()
    assert found is not None
    assert torch.allclose(found.mean, expected.mean, rtol=1e-6)
    assert torch.allclose(found.eigenvalues, expected.eigenvalues, rtol=1e-6)
    assert torch.allclose(found.eigenvectors, expected.eigenvectors, atol=1e-6)


def test_without_training_images_there_are_no_colours(photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos / "test", tmp_path / "photos" / "test")
    pack(open_dataset(tmp_path / "photos"), tmp_path / "photos.zip", size=SIZE)
    assert opened(tmp_path / "photos.zip").known_colours() is None


def test_other_data_sets_know_nothing(photos: Path) -> None:
    dataset = open_dataset(photos)
    assert (dataset.known_survey(), dataset.known_colours(), dataset.folders) == (None, None, dataset.classes)


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_read_it(packed: Path, workers: int) -> None:
    dataset = opened(packed)
    store = open_images(dataset, SIZE, "crop", workers=workers, memory_limit_bytes=0)
    assert not store.in_memory
    batches = [[3, 1], [29], list(range(30))]
    for batch, squares in zip(batches, store.stream(batches), strict=True):
        assert torch.equal(squares, torch.stack([dataset.fitted(index, SIZE, "crop")[0] for index in batch]))


def test_it_goes_into_another_process_by_name_only(packed: Path, copy: Path) -> None:
    dataset = opened(copy)
    written = pickle.dumps(dataset)
    assert len(written) < 500
    assert pickle.loads(written).content(3) == dataset.content(3)
    shutil.copy(packed.parent / "photos.zip", copy.with_name("other.zip"))
    copy.unlink()
    copy.write_bytes(b"something else")
    with pytest.raises(BadDataset, match="has changed since it was opened and is no longer a packed data set"):
        pickle.loads(written)


def test_readable_class_names_live_in_the_index(tmp_path: Path) -> None:
    pixels = torch.arange(4 * 3 * 8 * 8, dtype=torch.uint8).view(4, 3, 8, 8)
    source = ArrayDataset("made", ["T-shirt/top", "猫\udcff"], [("train", pixels, torch.tensor([0, 1, 0, 1]))], Traits(False, True))
    pack(source, tmp_path / "made.zip", size=16)
    dataset = opened(tmp_path / "made.zip")
    assert dataset.classes == ("T-shirt/top", "猫\udcff")
    assert dataset.folders == ("T-shirt-top", "猫-xff")
    assert dataset.items[1] == Item("train/猫-xff/00001.jpg", 1, "train")
    assert dataset.traits == Traits(False, True)
    assert open_dataset(tmp_path / "made.zip").items[0].name == "train/T-shirt-top/00000.jpg"


# The index itself


def index_of(path: Path) -> tuple[bytes, int]:
    """The index, and at which byte of the file it begins."""
    content = path.read_bytes()
    found = PATTERN.search(content)
    assert found is not None
    offset, size, *_ = (int(digits) for digits in found.groups())
    return content[offset : offset + size], offset


def test_the_index_is_a_safetensors_file(packed: Path) -> None:
    content, offset = index_of(packed)
    with zipfile.ZipFile(packed) as archive:
        assert archive.read(MEMBER.decode()) == content
    columns = dict(safetensors.deserialize(content))  # type: ignore[no-untyped-call]
    assert set(columns) == {*COLUMNS, "names"}
    assert columns["thumbnails"]["shape"] == [30, 16, 16]
    assert bytes(columns["names"]["data"]).startswith(b"test/cat/00.jpgtest/cat/03.jpg")
    length = int.from_bytes(content[:8], "little")
    assert offset % 64 == (8 + length) % 64 == 0
    assert json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["classes"]) == ["cat", "dog", "owl"]


@pytest.mark.parametrize("tool", ["zipfile appends", "comment", "bytes behind"])
def test_a_zip_that_was_changed_is_read_in_the_ordinary_way(copy: Path, tool: str) -> None:
    if tool == "zipfile appends":
        with zipfile.ZipFile(copy, "a") as archive:
            archive.writestr("train/cat/new.jpg", archive.read("train/cat/06.jpg"))
    elif tool == "comment":
        with zipfile.ZipFile(copy, "a") as archive:
            archive.comment = b"mine"
    else:
        with copy.open("ab") as file:
            file.write(b"\n")
    dataset = open_dataset(copy)
    assert isinstance(dataset, FolderDataset)
    assert len(dataset.items) == 30 + (tool == "zipfile appends")
    assert dataset.known_survey() is None


def test_a_damaged_image_is_found_when_it_is_read(copy: Path) -> None:
    dataset = opened(copy)
    with copy.open("r+b") as file:
        file.seek(int(dataset.index.offsets[3]) + 50)
        byte = file.read(1)
        file.seek(-1, io.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    name = dataset.items[3].name
    with pytest.raises(UnreadableImage, match=rf"{name} is damaged inside the zip \(its checksum differs\)"):
        open_dataset(copy).content(3)
    assert open_dataset(copy).content(4)
    store = open_images(open_dataset(copy), SIZE, "crop", workers=0, check=False)
    assert [skip.name for skip in store.skipped] == [name]


def poke(path: Path, column: str, place: int, value: int) -> None:
    """Change one number of a column."""
    content, offset = index_of(path)
    length = int.from_bytes(content[:8], "little")
    dtype = np.dtype(COLUMNS[column][1]) if column in COLUMNS else np.dtype("u1")
    begin = json.loads(content[8 : 8 + length])[column]["data_offsets"][0]
    with path.open("r+b") as file:
        file.seek(offset + 8 + length + begin + place * dtype.itemsize)
        file.write(np.array(value, dtype).tobytes())


@pytest.mark.parametrize(
    ("column", "place", "value", "message"),
    [
        ("offsets", 0, -1, "a picture is outside the file"),
        ("offsets", 29, 1 << 62, "a picture is outside the file"),
        ("offsets", 3, (1 << 63) - 1, "a picture is outside the file"),
        ("sizes", 5, (1 << 32) - 1, "a picture is outside the file"),
        ("labels", 0, 3, "a picture has an unknown class"),
        ("labels", 0, -1, "a picture has an unknown class"),
        ("splits", 7, 3, "a picture has an unknown split"),
        ("splits", 7, -2, "a picture has an unknown split"),
        ("native", 1, 0, "a picture has an impossible size"),
        ("native", 1, -5, "a picture has an impossible size"),
        ("ends", 4, 0, "its names do not fit"),
        ("ends", 29, 1 << 40, "its names do not fit"),
        ("ends", 0, -(1 << 63), "its names do not fit"),
    ],
)
def test_impossible_numbers(copy: Path, column: str, place: int, value: int, message: str) -> None:
    poke(copy, column, place, value)
    with pytest.raises(
        BadDataset, match=rf"photos\.zip is a packed data set whose index is damaged \({message}\)\. Copy it again, or unzip"
    ):
        open_dataset(copy)


@pytest.mark.parametrize(
    "name", [b"/etc/passwd.jpg", b"../../cat/1.jpg", b"test/cat/../.jp", b"C:/cat/1234.jpg", b"test\\cat\\00.jpg", b"test/cat/0\0.jpg"]
)
def test_names_that_climb_out(copy: Path, name: bytes) -> None:
    assert len(name) == len(b"test/cat/00.jpg")
    for place, byte in enumerate(name):
        poke(copy, "names", 30 + place, byte)  # the third name
    with pytest.raises(UnsafeArchive, match="names that point outside the archive"):
        open_dataset(copy)


def test_two_dots_inside_a_name_are_harmless(copy: Path) -> None:
    for place, byte in enumerate(b"test/cat/0..jpg"):
        poke(copy, "names", place, byte)
    sign(copy)
    assert open_dataset(copy).items[0].name == "test/cat/0..jpg"


def sign(path: Path) -> None:
    """Write the checksum of the present index into its header and its entry of the central directory, as whoever made the zip can."""
    content, offset = index_of(path)
    crc = zlib.crc32(content).to_bytes(4, "little")
    whole = bytearray(path.read_bytes())
    header, entry = whole.rindex(b"PK\3\4", 0, offset), whole.rindex(b"PK\1\2")
    whole[header + 14 : header + 18] = whole[entry + 16 : entry + 20] = crc
    path.write_bytes(whole)


def test_a_flipped_bit_in_the_labels_is_found(copy: Path) -> None:
    poke(copy, "labels", 0, 1)
    with pytest.raises(BadDataset, match=r"whose index is damaged \(its checksum differs\)\. Copy it again"):
        open_dataset(copy)
    sign(copy)
    assert opened(copy).labels[0] == 1  # the same change, made on purpose


def reading(dataset: Dataset) -> list[tuple[str, str, str | None, bytes]]:
    """What a data set holds: name, class, split and bytes of each image."""
    return sorted((item.name, dataset.classes[item.label], item.split, dataset.content(row)) for row, item in enumerate(dataset.items))


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of four images."""
    folder = tmp_path_factory.mktemp("few")
    for number in range(4):
        place = folder / "photos" / ("train", "test")[number // 2] / ("cat", "dog")[number % 2]
        place.mkdir(parents=True)
        Image.new("RGB", (20, 20), (40 * number, 90, 10)).save(place / f"{number}.png")
    pack(open_dataset(folder / "photos"), folder / "few.zip", size=SIZE)
    return folder / "few.zip"


@pytest.mark.parametrize("step", [13, pytest.param(1, marks=pytest.mark.slow)])
def test_every_byte_after_the_images_is_checked_or_says_nothing(few: Path, step: int, tmp_path: Path) -> None:
    """A flipped bit is refused or changes nothing.

    Refused: each byte of the index, of the header before it, and of its entry in the central directory. The other entries of the
    directory, for other tools, are not read. With another byte of the end records or the comment, the pack is no longer recognised, and
    is read as an ordinary zip, whose reader checks the names and the bytes of the images.
    """
    whole, expected = few.read_bytes(), reading(open_dataset(few))
    content, offset = index_of(few)
    first, last = whole.rindex(b"PK\3\4", 0, offset), whole.rindex(b"PK\1\2")
    covered = [*range(first, offset + len(content)), *range(last, last + 46 + len(MEMBER))]
    accepted = [place for place in range(first, len(whole), step) if survives(whole, place, tmp_path / "flipped.zip", expected)]
    assert not set(accepted) & set(covered)


def survives(whole: bytes, place: int, path: Path, expected: list[tuple[str, str, str | None, bytes]]) -> bool:
    """Whether a pack with one bit flipped is opened; what it holds must be as before then."""
    path.unlink(missing_ok=True)  # the last one may still be mapped
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
    try:
        found = reading(open_dataset(path))
    except (BadDataset, UnreadableImage):
        return False
    assert found == expected, place
    return True


def rewrite(path: Path, change: Any) -> None:
    """Put another header on the index, of the same length; `change` gets and gives the JSON object, or gives bytes."""
    content, offset = index_of(path)
    length = int.from_bytes(content[:8], "little")
    changed = change(json.loads(content[8 : 8 + length]))
    text = changed if isinstance(changed, bytes) else json.dumps(changed, separators=(",", ":")).encode()
    with path.open("r+b") as file:
        file.seek(offset + 8)
        file.write(text[:length].ljust(length))


def with_fact(name: str, value: Any) -> Any:
    return lambda layout: layout | {"__metadata__": layout["__metadata__"] | {name: json.dumps(value)}}


def with_column(name: str, **fields: Any) -> Any:
    return lambda layout: layout | {name: layout[name] | fields}


@pytest.mark.parametrize(
    "change",
    [
        lambda layout: b"",
        lambda layout: b"[" * 5000,
        lambda layout: b"\xff",
        lambda layout: [],
        lambda layout: {"__metadata__": {}},
        lambda layout: layout | {"__metadata__": []},
        lambda layout: layout | {"__metadata__": layout["__metadata__"] | {"format": "2"}},
        lambda layout: {name: layout[name] for name in layout if name != "digests"},
        with_fact("classes", ["cat"]),
        with_fact("classes", ["cat", "cat", "cat"]),
        with_fact("classes", "cat"),
        with_fact("classes", [1, 2, 3]),
        with_fact("folders", {}),
        with_fact("size", 0),
        with_fact("size", True),
        with_fact("quality", "x"),
        with_fact("traits", {}),
        with_fact("traits", {"flip": 1, "colour": 1, "gray": 1}),
        with_fact("colours", None),
        with_fact("colours", {"pixels": -1, "colours": [1, 1, 1], "products": [1] * 6}),
        with_fact("colours", {"pixels": 1, "colours": [1], "products": [1] * 8}),
        with_fact("colours", {"pixels": 1, "colours": [1, 1, 10**99], "products": [1] * 6}),
        with_column("offsets", shape=[29]),
        with_column("offsets", shape=[]),
        with_column("offsets", shape=[-30]),
        with_column("offsets", shape=["30"]),
        with_column("offsets", shape=None),
        with_column("offsets", dtype="F64"),
        with_column("names", shape=[10**12]),
        with_column("labels", data_offsets=[0, 120]),
        with_column("labels", data_offsets=[10**15, 10**16]),
    ],
)
def test_impossible_headers(copy: Path, change: Any) -> None:
    rewrite(copy, change)
    with pytest.raises(BadDataset, match=r"whose index is damaged"):
        open_dataset(copy)


def test_a_header_that_is_too_long(copy: Path) -> None:
    _, offset = index_of(copy)
    for length in (1 << 63, 100_000):
        with copy.open("r+b") as file:
            file.seek(offset)
            file.write(length.to_bytes(8, "little"))
        with pytest.raises(BadDataset, match="its header is too long"):
            open_dataset(copy)


@settings(max_examples=100)
@given(data=st.data())
def test_whatever_byte_is_damaged_nothing_crashes(packed: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content, offset = index_of(packed)
    whole = bytearray(packed.read_bytes())
    length = 8 + int.from_bytes(content[:8], "little")
    place = data.draw(st.one_of(st.integers(offset, offset + length), st.integers(offset, len(whole) - 1)))
    whole[place : place + 1] = data.draw(st.binary(min_size=1, max_size=1))
    path = tmp_path_factory.getbasetemp() / "damaged.zip"
    path.unlink(missing_ok=True)
    path.write_bytes(whole)
    try:
        dataset = open_dataset(path)
        for index, _ in enumerate(dataset.items):
            dataset.content(index)
        dataset.known_survey()
        dataset.known_colours()
    except (BadDataset, UnreadableImage):
        pass


@pytest.mark.parametrize("numbers", [(0, 0, 0, 0, 0), (0, 0, 10**18, 1, 1), (10**18, 10**18, 0, 0, 0), (10**18, 1, 10**18, 10**18, 10**18)])
def test_a_comment_that_lies_is_not_believed(copy: Path, numbers: tuple[int, ...]) -> None:
    offset, size, *contents = numbers
    with zipfile.ZipFile(copy, "a") as archive:
        archive.comment = comment_for(offset, size, Contents(*contents))
    assert isinstance(open_dataset(copy), FolderDataset)


def test_an_index_for_other_images(copy: Path) -> None:
    """The comment of a forger agrees with the table of contents, which has a member too many."""
    content, offset = index_of(copy)
    with zipfile.ZipFile(copy, "a") as archive:
        archive.writestr("train/cat/new.jpg", b"new")
    with zipfile.ZipFile(copy) as archive:
        start = archive.start_dir
    end = struct.unpack("<4s4H2LH", copy.read_bytes()[-22 - len(comment_for(0, 0, Contents(0, 0, 0))) :][:22])
    with zipfile.ZipFile(copy, "a") as archive:
        archive.comment = comment_for(offset, len(content), Contents(start, end[5], 32))
    with pytest.raises(BadDataset, match="its number of pictures differs from the zip"):
        open_dataset(copy)


# Very many images


class Made(Dataset):
    """Many images of a few bytes, known by their names only."""

    traits = Traits(flip=True, colour=True)

    def __init__(self, count: int) -> None:
        self.name, self.classes = "made", tuple(f"n{label:08}" for label in range(10))
        self.items = ItemTable.of([Item(f"n{number % 10:08}/{number}.JPEG", number % 10, None) for number in range(count)])

    def content(self, index: int) -> bytes:
        return f"picture {index}".encode()


def write_made(out: Path, count: int) -> None:
    """A pack of made-up images, through the same functions that write all others."""
    dataset, record = Made(count), np.zeros((), RECORD)
    names, journal = PackedNames(dataset), Journal(out.with_name("made.partial"), {})
    record["kind"], record["split"], record["native"] = COPIED, UNSPLIT, (500, 375)
    for index, item in enumerate(dataset.items):
        record["label"] = item.label
        journal.add(record, names.name(index, item).encode(), dataset.content(index))
    count_of = footer.tally(journal, 10)
    footer.write_end(dataset, names, journal, count_of.facts(dataset, names, 256, 90), count_of)
    journal.close()
    journal.finish(out)


def test_many_images_make_no_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet.data.packs.journal.CHUNK", 1000)
    count = 4500
    write_made(tmp_path / "made.zip", count)
    open_dataset(tmp_path / "made.zip")
    gc.collect()
    before = len(gc.get_objects())
    dataset = opened(tmp_path / "made.zip")
    assert len(gc.get_objects()) - before < 200
    assert isinstance(dataset.items, ItemTable)
    assert len(dataset.items) == count
    for column in ("offsets", "thumbnails", "names"):
        assert owner(getattr(dataset.index, column)) is dataset.mapped  # a view of the file
    for index in (0, 999, 1000, 4499):
        assert dataset.items[index] == Item(f"n{index % 10:08}/{index}.jpg", index % 10, None)
        assert dataset.content(index) == f"picture {index}".encode()
    with zipfile.ZipFile(tmp_path / "made.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [item.name for item in dataset.items] + [MEMBER.decode()]


def owner(array: Any) -> Any:
    while not isinstance(array, mmap.mmap):
        array = array.obj if isinstance(array, memoryview) else array.base
    return array


def test_photos_of_imagenet(shared_data: Path, tmp_path: Path) -> None:
    source = tmp_path / "photos"
    with zipfile.ZipFile(shared_data / "imagenet-sample.zip") as archive:
        for number, name in enumerate(archive.namelist()[:12]):
            place = source / ("one", "two")[number % 2] / Path(name).name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(archive.read(name))
    summary = pack(open_dataset(source), tmp_path / "photos.zip", workers=2)
    assert (summary.n, summary.skipped) == (12, ())
    dataset = opened(tmp_path / "photos.zip")
    assert all(min(dataset.header(index).width, dataset.header(index).height) <= 256 for index in range(12))
    expected = torch.stack([open_dataset(source).fitted(index, 256, "crop")[0] for index in range(12)])
    found = torch.stack([dataset.fitted(index, 256, "crop")[0] for index in range(12)])
    assert (expected.float() - found.float()).abs().mean() < 6  # grey levels
