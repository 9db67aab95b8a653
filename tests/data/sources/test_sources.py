"""Folders and archives read in place: what they list, what they refuse, and that threads and processes may share them."""

import io
import multiprocessing
import os
import pickle
import stat
import sys
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from alexnet.data.sources.folder import open_source
from alexnet.data.sources.source import Source, is_image, safe_name
from alexnet.data.sources.tar import CompressedTarSource
from alexnet.errors import BadDataset, UnreadableImage, UnsafeArchive

CONTENTS = {f"{kind}/{number}.png": f"{kind}{number}".encode() * 400 for kind in ("cat", "dog") for number in range(20)}
KINDS = ["folder", "zip", "stored.zip", "bzip2.zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]


def write_folder(path: Path, contents: dict[str, bytes]) -> Path:
    for name, content in contents.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def write_zip(path: Path, contents: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def add_to_tar(archive: tarfile.TarFile, name: str, content: bytes = b"x", *, link: str = "", kind: bytes = tarfile.REGTYPE) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, link, 0 if link else len(content)
    archive.addfile(member, io.BytesIO(content))


def write_tar(path: Path, contents: dict[str, bytes]) -> Path:
    packing = {".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}.get(path.suffix, "w:")
    with tarfile.open(path, packing) as archive:  # type: ignore[call-overload]  # the modes are literals to typeshed
        for name, content in contents.items():
            add_to_tar(archive, name, content)
    return path


def write(folder: Path, kind: str, contents: dict[str, bytes]) -> Path:
    if kind == "folder":
        return write_folder(folder / "photos", contents)
    path = folder / f"photos.{kind}"
    if kind.endswith("zip"):
        methods = {"stored.zip": zipfile.ZIP_STORED, "bzip2.zip": zipfile.ZIP_BZIP2}
        return write_zip(path, contents, methods.get(kind, zipfile.ZIP_DEFLATED))
    return write_tar(path, contents)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_reads_the_same(tmp_path: Path, kind: str) -> None:
    source = open_source(write(tmp_path, kind, CONTENTS))
    before = sorted(tmp_path.rglob("*"))
    assert list(source.names) == sorted(CONTENTS)
    assert {name: source.read(name) for name in source.names} == CONTENTS
    assert sorted(tmp_path.rglob("*")) == before  # nothing is unpacked


@pytest.mark.parametrize("kind", KINDS)
def test_many_threads_and_a_copy_in_another_process(tmp_path: Path, kind: str) -> None:
    source = open_source(write(tmp_path, kind, CONTENTS))
    names = list(source.names) * 20
    with ThreadPoolExecutor(8) as pool:
        assert all(content == CONTENTS[name] for name, content in zip(names, pool.map(source.read, names), strict=True))
    copy: Source = pickle.loads(pickle.dumps(source))
    assert copy.read("cat/3.png") == CONTENTS["cat/3.png"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is POSIX")
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_forked_processes_read_at_the_same_time(tmp_path: Path, kind: str) -> None:
    source = open_source(write(tmp_path, kind, CONTENTS))
    source.read("cat/0.png")  # opens the descriptor that the children must not share
    with multiprocessing.get_context("fork").Pool(3) as pool:
        names = list(source.names) * 10
        assert all(content == CONTENTS[name] for name, content in zip(names, pool.map(source.read, names), strict=True))
        pool.close()
        pool.join()


@pytest.mark.parametrize("name", ["../cat/1.png", "cat/../../1.png", "/cat/1.png", "C:/cat/1.png", "C:\\cat\\1.png", "..\\cat\\1.png"])
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_names_that_climb_out_are_refused(tmp_path: Path, kind: str, name: str) -> None:
    path = write(tmp_path, kind, CONTENTS | {name: b"x"})
    with pytest.raises(UnsafeArchive, match="points outside the archive"):
        open_source(path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret.png", "../../../etc/passwd"])
def test_links_that_leave_a_tar_are_refused(tmp_path: Path, kind: bytes, target: str) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        add_to_tar(archive, "cat/1.png", link=target, kind=kind)
    with pytest.raises(UnsafeArchive):
        open_source(tmp_path / "a.tar")


@pytest.mark.parametrize("packing", ["tar", "tar.gz"])
def test_links_inside_a_tar_stand_for_their_file(tmp_path: Path, packing: str) -> None:
    path = write_tar(tmp_path / f"a.{packing}", {})
    with tarfile.open(path, "w:gz" if packing == "tar.gz" else "w:") as archive:
        add_to_tar(archive, "cat/1.png", b"one")
        add_to_tar(archive, "dog/1.png", link="../cat/1.png", kind=tarfile.SYMTYPE)
        add_to_tar(archive, "dog/2.png", link="cat/1.png", kind=tarfile.LNKTYPE)
        add_to_tar(archive, "dog/3.png", link="3.png", kind=tarfile.SYMTYPE)  # to itself
    source = open_source(path)
    assert source.names == ("cat/1.png", "dog/1.png", "dog/2.png")
    assert source.read("dog/1.png") == source.read("dog/2.png") == b"one"


def test_links_in_a_zip_are_not_followed(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("cat/2.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("cat/1.png", b"one")
        archive.writestr(link, "/etc/passwd")
    assert open_source(tmp_path / "a.zip").names == ("cat/1.png",)


@pytest.mark.parametrize("kind", ["zip", "stored.zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_an_archive_cut_short_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    contents = {f"{name}/{number}.png": os.urandom(3000) for name in ("cat", "dog") for number in range(10)}
    path = write(tmp_path, kind, contents)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share) // 512 * 512 + 100])
    with pytest.raises(BadDataset, match=r"cut short or damaged\. Copy or download it again"):
        open_source(path)


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"cat/1.png": b"x"}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(BadDataset, match="is encrypted"):
        open_source(path)


def test_a_damaged_member_is_one_unreadable_image(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"cat/1.png": os.urandom(5000), "cat/2.png": b"two"})
    content = bytearray(path.read_bytes())
    content[2000] ^= 255
    path.write_bytes(content)
    source = open_source(path)
    with pytest.raises(UnreadableImage, match=r"cat/1\.png is damaged inside the zip"):
        source.read("cat/1.png")
    assert source.read("cat/2.png") == b"two"


@pytest.mark.parametrize("kind", KINDS)
def test_the_limit_of_one_file(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, kind, {"cat/1.png": bytes(3 << 20), "cat/2.png": b"two"})
    for module in ("source", "folder", "tar", "zip"):
        monkeypatch.setattr(f"alexnet.data.sources.{module}.MAX_FILE_BYTES", 1 << 20, raising=False)
    source = open_source(path)
    with pytest.raises(UnreadableImage, match="is 3 MB unpacked; the limit is 1 MB"):
        source.read("cat/1.png")
    assert source.read("cat/2.png") == b"two"


def test_a_zip_bomb_that_lies_about_its_size_stops_early(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"cat/1.png": bytes(50 << 20)})
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\1\2") + 24
    content[at : at + 4] = (1000).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(UnreadableImage, match="damaged inside the zip"):
        open_source(path).read("cat/1.png")


def test_a_compressed_tar_over_the_limit_says_what_to_do(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "photos.tar.gz", CONTENTS)
    with pytest.raises(BadDataset, match=r"gunzip.*use photos\.tar:"):
        CompressedTarSource(path, limit=10_000)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"Rar!\x1a\x07", "neither a folder nor a zip or tar"), (b"", "neither"), (b"hello", "neither"), (b"\x1f\x8bnonsense", "cut short")],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(BadDataset, match=words):
        open_source(tmp_path / "a.zip")


def test_litter_is_ignored() -> None:
    assert is_image("cat/a.JPG")
    assert is_image("cat/deep/a.heic")
    for name in (
        "cat/.a.jpg",
        "__MACOSX/cat/a.jpg",
        ".git/a.jpg",
        "cat/Thumbs.db",
        "cat/.DS_Store",
        "cat/notes.txt",
        "labels.csv",
        "cat/jpg",
    ):
        assert not is_image(name)


def test_safe_names_are_tidy() -> None:
    assert safe_name("./photos/cat/1.png", Path("a")) == "photos/cat/1.png"
    assert safe_name("photos\\cat\\1.png", Path("a")) == "photos/cat/1.png"


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_link_loops_pipes_and_broken_links(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "photos", {"cat/1.png": b"one"})
    elsewhere = write_folder(tmp_path / "elsewhere", {"9.png": b"nine"})
    (folder / "cat" / "loop").symlink_to(folder)
    (folder / "dog").symlink_to(elsewhere)
    (folder / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(folder / "cat" / "pipe.png")
    with pytest.raises(BadDataset, match="neither a folder nor a zip or tar"):
        open_source(folder / "cat" / "pipe.png")
    source = open_source(folder)
    assert source.names == ("cat/1.png", "cat/gone.png", "dog/9.png")
    assert source.read("dog/9.png") == b"nine"
    with pytest.raises(UnreadableImage, match=r"cat/gone.png cannot be opened \(No such file"):
        source.read("cat/gone.png")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may open everything")
def test_a_folder_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "photos", {"cat/1.png": b"one"})
    (folder / "cat").chmod(0)
    with pytest.raises(BadDataset, match="cat cannot be opened"):
        open_source(folder)
    (folder / "cat").chmod(0o700)


def test_images_decode_from_an_archive(tmp_path: Path, digits_folder: Path) -> None:
    contents = {f"{path.parent.name}/{path.name}": path.read_bytes() for path in digits_folder.rglob("*.png")}
    source = open_source(write(tmp_path, "tar.gz", contents))
    assert Image.open(io.BytesIO(source.read(source.names[0]))).size == (8, 8)


@pytest.mark.parametrize("name", ["", "\0"])
def test_a_zip_with_a_file_that_has_no_name_is_refused(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("cat/1.png", b"x")
        archive.writestr("n", b"x")
    content = (tmp_path / "photos.zip").read_bytes()
    place = content.rindex(b"PK\1\2")
    shorter = (
        content[: place + 28] + len(name).to_bytes(2, "little") + content[place + 30 : place + 46] + name.encode() + content[place + 47 :]
    )
    end = shorter.rindex(b"PK\5\6")
    size = int.from_bytes(shorter[end + 12 : end + 16], "little") - (1 - len(name))
    (tmp_path / "photos.zip").write_bytes(shorter[: end + 12] + size.to_bytes(4, "little") + shorter[end + 16 :])
    with pytest.raises(BadDataset, match=r"photos\.zip holds a file without a name"):
        open_source(tmp_path / "photos.zip")
