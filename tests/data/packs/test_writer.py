"""Packing: what lies in the zip, and that a packing that was broken off anywhere ends in the same bytes."""

import errno
import io
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from alexnet.data.dataset import Dataset, Part
from alexnet.data.fingerprints import Skipped
from alexnet.data.images.decode import decode
from alexnet.data.images.resize import fit_short_side
from alexnet.data.open import open_dataset
from alexnet.data.packs import journal
from alexnet.data.packs.journal import RECORD, Journal
from alexnet.data.packs.writer import PackSummary, pack
from alexnet.errors import BadDataset

SIZE = 32


def encoded(seed: int, form: str, width: int, height: int, *, mode: str = "RGB", **options: object) -> bytes:
    coarse = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8))
    file = io.BytesIO()
    coarse.resize((width, height), Image.Resampling.BICUBIC).convert(mode).save(file, form, **options)
    return file.getvalue()


def turned(seed: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(seed, "JPEG", 30, 20, exif=exif)


PHOTOS = {
    "train/cat/small.jpg": encoded(0, "JPEG", 40, 28),
    "train/cat/big.jpg": encoded(1, "JPEG", 80, 120),
    "train/cat/evening/gray.jpg": encoded(2, "JPEG", 30, 30, mode="L"),
    "train/cat/turned.jpg": turned(3),
    "train/dog/a.png": encoded(4, "PNG", 64, 48),
    "train/dog/a.jpg": encoded(5, "JPEG", 64, 48),
    "train/dog/tiny.png": encoded(6, "PNG", 9, 5, mode="L"),
    "train/dog/clear.png": encoded(7, "PNG", 50, 50, mode="RGBA"),
    "val/cat/1.webp": encoded(8, "WEBP", 50, 40),
    "val/dog/cut.jpg": encoded(9, "JPEG", 30, 30)[:-200],
    "val/dog/1.gif": encoded(10, "GIF", 40, 40, mode="P"),
    "test/cat/ink.jpg": encoded(11, "JPEG", 40, 40, mode="CMYK"),
    "test/dog/none.png": b"",
    "test/dog/1.bmp": encoded(12, "BMP", 40, 40),
    "test/bear/none.png": b"",
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for name, content in PHOTOS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def packed(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("packed") / "photos.zip"
    pack(open_dataset(photos), out, size=SIZE)
    return out


def test_the_summary(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "new folder" / "photos.zip"
    heard: list[tuple[int, int]] = []
    summary = pack(open_dataset(photos), out, size=SIZE, workers=2, on_progress=lambda *step: heard.append(step))
    assert (summary.n, summary.copied, summary.classes) == (12, 2, 2)
    assert summary.skipped == (
        Skipped("test/bear/none.png", "bear", "is empty"),
        Skipped("test/dog/none.png", "dog", "is empty"),
        Skipped("val/dog/cut.jpg", "dog", "is cut short"),
    )
    assert summary.splits == {"train": 8, "validation": 2, "test": 2}
    assert heard == [(15, 15)]
    lines = (tmp_path / "new folder" / "photos.skipped.csv").read_text().splitlines()
    assert lines[0] == "file,class,reason"
    assert lines[3] == "val/dog/cut.jpg,dog,is cut short"
    assert sorted(path.name for path in out.parent.iterdir()) == ["photos.skipped.csv", "photos.zip"]
    told = summary.to_json()
    assert (told["n"], told["skipped"], told["bytes"]) == (12, 3, out.stat().st_size)
    assert re.match(r": 12 pictures in 2 classes, 2 copied as they are; [\d.]+ kB in ", summary.lines()[0].removeprefix(str(out)))
    assert summary.lines()[1] == (
        f"3 could not be read (for example, test/bear/none.png is empty); {out.with_suffix('.skipped.csv')} lists them all."
    )
    assert told["unreadable"][1] == {"file": "test/dog/none.png", "class": "dog", "reason": "is empty"}


def test_plain_tools_read_it(packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        names = archive.namelist()
    assert names[-1] == ".alexnet/index.safetensors"
    assert names[:3] == ["test/cat/ink.jpg", "test/dog/1.jpg", "train/cat/big.jpg"]
    assert "train/cat/evening/gray.jpg" in names
    assert {"train/dog/a.jpg", "train/dog/a.png.jpg"} < set(names)


def test_the_images_are_the_sources(photos: Path, packed: Path) -> None:
    source, dataset = open_dataset(photos), open_dataset(packed)
    kept = [index for index, item in enumerate(source.items) if "cut" not in item.name and "none" not in item.name]
    assert dataset.classes == source.classes[1:] == ("cat", "dog")  # no bear can be read
    for place, index in enumerate(kept):
        assert dataset.items[place].split == source.items[index].split
        assert dataset.items[place].label + 1 == source.items[index].label
        image = source.image(index)
        expected = fit_short_side(image, SIZE) if min(image.shape[-2:]) > SIZE else image
        found = dataset.image(place)
        assert found.shape == expected.shape, source.items[index].name
        assert (found.float() - expected.float()).abs().mean() < 6


def test_small_jpegs_are_copied_and_gray_stays_gray(packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        for name in ("train/cat/small.jpg", "train/cat/evening/gray.jpg"):
            assert archive.read(name) == PHOTOS[name]
        opened = {name: Image.open(io.BytesIO(archive.read(name))) for name in archive.namelist()[:-1]}
    assert {name for name, image in opened.items() if image.mode == "L"} == {"train/cat/evening/gray.jpg", "train/dog/tiny.jpg"}
    assert not any(image.info.get("progressive") for image in opened.values())
    assert opened["train/cat/turned.jpg"].size == (20, 30)
    assert opened["train/dog/tiny.jpg"].size == (9, 5)


def test_workers_change_nothing(photos: Path, packed: Path, tmp_path: Path) -> None:
    pack(open_dataset(photos), tmp_path / "again.zip", size=SIZE, workers=3)
    assert (tmp_path / "again.zip").read_bytes() == packed.read_bytes()


def test_quality_and_size_are_obeyed(photos: Path, packed: Path, tmp_path: Path) -> None:
    low = pack(open_dataset(photos), tmp_path / "low.zip", size=SIZE, quality=20)
    assert low.bytes < packed.stat().st_size
    repacked = pack(open_dataset(packed), tmp_path / "small.zip", size=16)
    assert repacked.n == 12
    assert open_dataset(tmp_path / "small.zip").items[2].name == "train/cat/big.jpg"


def test_arrays_are_packed(tmp_path: Path) -> None:
    source = Part(open_dataset("digits"), range(200))
    summary = pack(source, tmp_path / "digits.zip", size=16)
    dataset = open_dataset(tmp_path / "digits.zip")
    assert summary.splits == {"unsplit": 200}
    assert dataset.traits == source.traits
    assert [item.label for item in dataset.items] == [item.label for item in source.items]
    assert (dataset.image(7).float() - source.image(7).float()).abs().mean() < 4


# Broken off and gone on with


class Stop(Exception):
    pass


def stop_at(count: int) -> Iterator[bool]:
    yield from (number >= count for number in range(1, 1000))


@pytest.mark.parametrize("count", [1, 7, 14])
def test_ctrl_c_and_the_same_command(photos: Path, packed: Path, tmp_path: Path, count: int) -> None:
    out, asked = tmp_path / "photos.zip", stop_at(count)
    with pytest.raises(KeyboardInterrupt) as caught:
        pack(open_dataset(photos), out, size=SIZE, workers=2, should_stop=lambda: next(asked))
    assert f"Rerun the same command to resume, or delete {out}.partial." in caught.value.__notes__
    assert not out.exists()
    summary = pack(open_dataset(photos), out, size=SIZE)
    assert (summary.resumed, summary.n, len(summary.skipped)) == (count, 12, 3)
    assert out.read_bytes() == packed.read_bytes()


def test_a_listener_that_raises(photos: Path, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(done: int, total: int) -> None:
        raise Stop

    monkeypatch.setattr("alexnet.data.packs.writer.STEP", 4)
    with pytest.raises(Stop):
        pack(open_dataset(photos), tmp_path / "photos.zip", size=SIZE, workers=2, on_progress=stop)
    assert pack(open_dataset(photos), tmp_path / "photos.zip", size=SIZE).resumed == 4
    assert (tmp_path / "photos.zip").read_bytes() == packed.read_bytes()


@pytest.fixture(scope="module")
def written(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a packing that was killed just before its end: all three files whole, index and all."""

    def killed(journal: Journal, out: Path) -> None:
        raise Stop

    out = tmp_path_factory.mktemp("killed") / "photos.zip"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "finish", killed)
        with pytest.raises(Stop):
            pack(open_dataset(photos), out, size=SIZE)
    return out.with_name("photos.zip.partial")


@settings(max_examples=40)
@given(archive=st.floats(0, 1), journal=st.floats(0, 1), reasons=st.floats(0.5, 1), garbage=st.binary(max_size=8))
def test_killed_anywhere(photos: Path, packed: Path, written: Path, archive: float, journal: float, reasons: float, garbage: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "photos.zip"
        partial = out.with_name("photos.zip.partial")
        shutil.copytree(written, partial)
        for name, share in (("archive", archive), ("journal", journal), ("reasons", reasons)):
            os.truncate(partial / name, int(share * (partial / name).stat().st_size))
            with (partial / name).open("ab") as file:
                file.write(garbage)
        pack(open_dataset(photos), out, size=SIZE)
        assert out.read_bytes() == packed.read_bytes()
        assert (Path(folder) / "photos.skipped.csv").read_text() == packed.with_suffix(".skipped.csv").read_text()


@pytest.mark.parametrize("name", ["archive", "journal"])
def test_bytes_that_never_reached_the_disk(photos: Path, packed: Path, written: Path, tmp_path: Path, name: str) -> None:
    """After a power cut, the end of a file may be zeros."""
    partial = tmp_path / "photos.zip.partial"
    shutil.copytree(written, partial)
    size = (partial / name).stat().st_size
    with (partial / name).open("r+b") as file:
        file.seek(size // 3)
        file.write(bytes(size - size // 3))
    summary = pack(open_dataset(photos), tmp_path / "photos.zip", size=SIZE)
    assert 0 < summary.resumed < 15
    assert (tmp_path / "photos.zip").read_bytes() == packed.read_bytes()


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6])
def test_old_records_without_their_bytes(
    photos: Path, packed: Path, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    monkeypatch.setattr(journal, "RECENT", 1)  # only the last record's bytes are read again
    partial = tmp_path / "photos.zip.partial"
    shutil.copytree(written, partial)
    os.truncate(partial / "archive", int(share * (partial / "archive").stat().st_size))
    pack(open_dataset(photos), tmp_path / "photos.zip", size=SIZE)
    assert (tmp_path / "photos.zip").read_bytes() == packed.read_bytes()


def test_records_in_many_parts(photos: Path, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "CHUNK", 2)
    monkeypatch.setattr(journal, "RECENT", 4)
    monkeypatch.setattr(journal, "SYNC_EVERY", 2)
    asked = stop_at(9)
    with pytest.raises(KeyboardInterrupt):
        pack(open_dataset(photos), tmp_path / "photos.zip", size=SIZE, should_stop=lambda: next(asked))
    assert pack(open_dataset(photos), tmp_path / "photos.zip", size=SIZE).resumed == 9
    assert (tmp_path / "photos.zip").read_bytes() == packed.read_bytes()


def begun(photos: Path, out: Path) -> Path:
    asked = stop_at(3)
    with pytest.raises(KeyboardInterrupt):
        pack(open_dataset(photos), out, size=SIZE, should_stop=lambda: next(asked))
    return out.with_name(f"{out.name}.partial")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"size": 64},
            r"begun with another size \(32 then, 64 now\)\. Rerun the command that began it to resume it, or delete it",
        ),
        ({"quality": 80}, r"begun with another quality \(90 then, 80 now\)"),
    ],
)
def test_another_job_is_refused(photos: Path, tmp_path: Path, changes: dict[str, int], message: str) -> None:
    begun(photos, tmp_path / "photos.zip")
    with pytest.raises(BadDataset, match=message):
        pack(open_dataset(photos), tmp_path / "photos.zip", size=changes.get("size", SIZE), quality=changes.get("quality", 90))


def test_other_images_are_refused(photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos, tmp_path / "copy")
    begun(tmp_path / "copy", tmp_path / "photos.zip")
    with pytest.raises(BadDataset, match="begun with another source"):
        pack(open_dataset(photos), tmp_path / "photos.zip", size=SIZE)
    (tmp_path / "copy" / "train" / "cat" / "new.jpg").write_bytes(PHOTOS["train/cat/big.jpg"])
    with pytest.raises(BadDataset, match=r"another list of pictures \(15 pictures, fingerprint .* then, 16 pictures"):
        pack(open_dataset(tmp_path / "copy"), tmp_path / "photos.zip", size=SIZE)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_a_damaged_job_is_refused(photos: Path, tmp_path: Path, content: bytes) -> None:
    (begun(photos, tmp_path / "photos.zip") / "job.json").write_bytes(content)
    with pytest.raises(BadDataset, match=r"is not an unfinished pack that can be resumed\. Delete it to start again"):
        pack(open_dataset(photos), tmp_path / "photos.zip", size=SIZE)


def test_two_at_once_are_refused(photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    out = tmp_path / "photos.zip"

    def second(done: int, total: int) -> None:
        with pytest.raises(BadDataset, match=r"Another command is packing into .*photos\.zip\.partial"):
            pack(open_dataset(photos), out, size=SIZE)

    assert pack(open_dataset(photos), out, size=SIZE, on_progress=second).n == 12


# Refusals


@pytest.mark.parametrize(
    ("out", "options", "message"),
    [
        ("photos.tar", {}, r"A packed data set is a zip file, but .*photos\.tar does not end in \.zip: use photos\.tar\.zip, for example"),
        ("photos.zip", {"size": 15}, "cannot be 15 px: use 16 to 4096"),
        ("photos.zip", {"quality": 0}, "quality of a JPEG cannot be 0: use 1 to 100"),
        ("photos.zip", {"quality": 101}, "cannot be 101"),
        ("there.zip", {}, r"there\.zip already exists\. Choose another name, or delete it first"),
        ("file/photos.zip", {}, r"cannot be written \(Not a directory: .*file"),
    ],
)
def test_refusals(photos: Path, tmp_path: Path, out: str, options: dict[str, int], message: str) -> None:
    for name in ("there.zip", "file"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(BadDataset, match=message):
        pack(open_dataset(photos), tmp_path / out, size=options.get("size", SIZE), quality=options.get("quality", 90))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "there.zip"]


def test_a_place_inside_the_data_is_refused(photos: Path) -> None:
    with pytest.raises(BadDataset, match="is inside the data set itself"):
        pack(open_dataset(photos), photos / "train" / "photos.zip")


def test_nothing_readable(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        (tmp_path / "photos" / name / "1.jpg").write_bytes(b"")
    with pytest.raises(BadDataset, match=r"None of the 2 pictures of .* can be read: for example, cat/1\.jpg is empty"):
        pack(open_dataset(tmp_path / "photos"), tmp_path / "photos.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_image_too_long_for_a_jpeg_is_skipped(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("L", (70_000, 20)).save(file, "PNG")
    for name, content in (("cat", file.getvalue()), ("dog", PHOTOS["train/cat/big.jpg"])):
        (tmp_path / "photos" / name).mkdir(parents=True)
        (tmp_path / "photos" / name / "1.png").write_bytes(content)
    (skipped,) = pack(open_dataset(tmp_path / "photos"), tmp_path / "photos.zip", size=SIZE).skipped
    assert skipped.reason == "is 70,000 pixels long; a JPEG holds at most 65,500"


def full_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write, left = os.write, [count]

    def failing(file: int, content: bytes) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content[: max(1, len(content) // 2)])  # short writes are no error

    monkeypatch.setattr("alexnet.data.packs.journal.os.write", failing)


@pytest.mark.parametrize("count", [3, 100, 300])
def test_a_full_disk(photos: Path, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    with monkeypatch.context() as patch:
        full_after(count, patch)
        with pytest.raises(BadDataset, match=r"photos\.zip is full\. Make room and rerun the same command to resume"):
            pack(open_dataset(photos), tmp_path / "photos.zip", size=SIZE)
    assert isinstance(pack(open_dataset(photos), tmp_path / "photos.zip", size=SIZE), PackSummary)
    assert (tmp_path / "photos.zip").read_bytes() == packed.read_bytes()


def test_half_a_pack_is_refused(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "half.zip").write_bytes(packed.read_bytes()[:-5000])
    with pytest.raises(BadDataset, match=r"half\.zip is not a complete zip: it is cut short or damaged"):
        open_dataset(tmp_path / "half.zip")


def test_a_packing_in_progress_is_no_data_set(photos: Path, tmp_path: Path) -> None:
    partial = begun(photos, tmp_path / "photos.zip")
    with pytest.raises(BadDataset, match="holds no pictures"):
        open_dataset(partial)
    with pytest.raises(BadDataset):
        open_dataset(partial / "archive")


def test_a_record_is_of_one_size() -> None:
    assert RECORD.itemsize == RECORD.fields["own_checksum"][1] + 4  # type: ignore[index]  # no holes


def test_the_decoder_agrees(packed: Path) -> None:
    dataset: Dataset = open_dataset(packed)
    assert all(decode(dataset.content(index), "x").shape[0] == 3 for index in range(len(dataset.items)))
