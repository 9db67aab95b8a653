"""The images that a user names: files, folders, patterns, standard input."""

import io
import os
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from alexnet.errors import AlexNetError, UnreadableImage
from alexnet.inference.inputs import find_images

NOTHING = io.BytesIO()


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.PNG", "deep/er/c [1].webp", "notes.txt", ".hidden.png", "deep/.cache/d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"content")
    return tmp_path


def names(found: list[tuple[str, Path | bytes | UnreadableImage]], album: Path) -> list[str]:
    return [str(Path(name).relative_to(album)) for name, _ in found]


def test_a_folder_means_its_images_in_order(album: Path) -> None:
    assert names(find_images([str(album)], NOTHING), album) == ["a.PNG", "b.jpg", "deep/er/c [1].webp"]


def test_a_file_is_taken_whatever_its_name(album: Path) -> None:
    words = [str(album / "notes.txt"), str(album / "deep" / "er" / "c [1].webp"), str(album / ".hidden.png")]
    assert names(find_images(words, NOTHING), album) == ["notes.txt", "deep/er/c [1].webp", ".hidden.png"]


def test_patterns(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert names(find_images([str(album / "*.jpg"), str(album / "[a]*")], NOTHING), album) == ["b.jpg", "a.PNG"]
    assert names(find_images([str(album / "**" / "*.webp")], NOTHING), album) == ["deep/er/c [1].webp"]
    assert names(find_images([str(album / "d*")], NOTHING), album) == ["deep/er/c [1].webp"]
    monkeypatch.chdir(album)
    assert [name for name, _ in find_images(["*.jpg"], NOTHING)] == ["b.jpg"]
    assert len(find_images([str(album / "**")], NOTHING)) == len({name for name, _ in find_images([str(album / "**")], NOTHING)})


@pytest.mark.parametrize("word", ["nowhere.png", "nowhere/*.png", "**x", "[", "", "\0"])
def test_words_that_mean_nothing(album: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.chdir(album)
    with pytest.raises(AlexNetError, match="No file or folder matches"):
        find_images([word], NOTHING)


@pytest.mark.parametrize("word", ["nowhere.png", "nowhere/*.png", "x" * 300, "empty", "-"])
def test_a_word_that_means_nothing_beside_one_that_does(album: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    """Its reason is in its place, and the others are still classified."""
    monkeypatch.chdir(album)
    Path("empty").mkdir()
    (first, content), (second, path) = find_images([word, "b.jpg"], NOTHING)
    assert (first, second, path) == (word, "b.jpg", Path("b.jpg"))
    assert isinstance(content, UnreadableImage)
    assert (
        content.reason.startswith(("No file or folder matches", "empty holds", "Standard input holds", "x" * 80))
        or "opened" in content.reason
    )
    with pytest.raises(AlexNetError, match=r"\n"):  # nothing can be read: both reasons
        find_images([word, "nowhere.jpg"], NOTHING)


def test_no_images(tmp_path: Path) -> None:
    with pytest.raises(AlexNetError, match="No pictures to classify"):
        find_images([], NOTHING)
    with pytest.raises(AlexNetError, match="holds no pictures"):
        find_images([str(tmp_path)], NOTHING)
    with pytest.raises(AlexNetError, match="Standard input holds no pictures"):
        find_images(["-"], io.BytesIO(b" \n\n"))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_an_encoded_image_on_standard_input(kind: str) -> None:
    content = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(content, kind)
    assert find_images(["-"], io.BytesIO(content.getvalue())) == [("standard input", content.getvalue())]


def test_paths_on_standard_input(album: Path) -> None:
    lines = f"{album / 'b.jpg'}\r\n{album / 'deep'}\n\n{album / 'gone.png'}"
    found = find_images(["-"], io.BytesIO(lines.encode()))
    assert names(found, album) == ["b.jpg", "deep/er/c [1].webp", "gone.png"]


def test_a_folder_that_vanishes_while_it_is_read(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of /proc do: the others are still found."""
    scan = os.scandir

    def scandir(path: str) -> object:
        if Path(path).name == "er":
            raise FileNotFoundError(path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert names(find_images([str(album)], NOTHING), album) == ["a.PNG", "b.jpg"]


@given(st.binary(max_size=200))
def test_any_standard_input(content: bytes) -> None:
    assume(not any(os.path.isdir(line) for line in content.split(b"\n")))  # noqa: PTH112 - the whole disk, for "/"
    try:
        found = find_images(["-"], io.BytesIO(content))
    except AlexNetError:
        return
    assert found


def test_a_list_with_a_byte_order_mark(album: Path) -> None:
    lines = f"{album / 'b.jpg'}\r\n{album / 'a.PNG'}\r\n"
    assert names(find_images(["-"], io.BytesIO(lines.encode("utf-8-sig"))), album) == ["b.jpg", "a.PNG"]
    for encoding in ("utf-16", "utf-16-be"):
        mark = "\ufeff" if encoding == "utf-16-be" else ""
        with pytest.raises(AlexNetError, match="Standard input is a list in UTF-16"):
            find_images(["-"], io.BytesIO((mark + lines).encode(encoding)))
