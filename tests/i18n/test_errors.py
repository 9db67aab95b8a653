"""Errors of the program in Chinese: the table has the words that the program says."""

import errno
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from string import Formatter

import pytest

from alexnet.data.class_folders import FolderDataset
from alexnet.data.images.decode import decode
from alexnet.errors import AlexNetError, UnreadableImage
from alexnet.i18n.translate import table, translated
from alexnet.storage.files import writing
from alexnet.storage.ownership import owned

SOURCE = Path(__file__).parents[2] / "src" / "alexnet"
MESSAGES = {name: texts for name, texts in table().items() if name.startswith("errors.")}
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000040000000408020000002693092900000010494441547801636060c00b2800")


@pytest.fixture(scope="module")
def said() -> str:
    """All texts of the program, those over several lines joined."""
    code = "\n".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py"))
    return re.sub(r"\"\s*\n\s*f?\"|\\\"", "", code)


@pytest.mark.parametrize("name", MESSAGES)
def test_the_program_says_each_of_them(name: str, said: str) -> None:
    for words, _, _, _ in Formatter().parse(MESSAGES[name]["en"]):
        for clause in re.split(r"[:;.] |(?<=has )", words):  # the program puts some of them together
            assert clause.strip(" ,.;:`'") in said, clause


def folder_of(path: Path, *names: str) -> Path:
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(PNG)
    path.mkdir(exist_ok=True)
    return path


def cut_zip(path: Path) -> Path:
    with zipfile.ZipFile(path / "whole.zip", "w") as out:
        out.writestr("a/1.png", PNG * 50)
    (path / "cut.zip").write_bytes((path / "whole.zip").read_bytes()[:-30])
    return path / "cut.zip"


def unwritable(number: int) -> None:
    with writing(Path("x.json")):
        raise OSError(number, "no")


def owned_twice(path: Path) -> None:
    with owned(path), owned(path):
        pass


CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut short": (lambda path: FolderDataset(cut_zip(path)), "cut.zip 不是完整的 zip 文件"),
    "no pictures": (lambda path: FolderDataset(folder_of(path / "d")), "d 中没有图片"),
    "no classes": (lambda path: FolderDataset(folder_of(path / "d", "1.png", "2.png")), "d 中有 2 张图片"),
    "a full disk": (lambda path: unwritable(errno.ENOSPC), "磁盘已满"),
    "no permission": (lambda path: unwritable(errno.EACCES), "没有权限"),
    "in use": (owned_twice, "正被占用"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_the_program_raises_is_said_in_chinese(case: str, tmp_path: Path) -> None:
    do, words = CASES[case]
    with pytest.raises(AlexNetError) as raised:
        do(tmp_path)
    assert words in translated(str(raised.value), "zh")
    assert translated(str(raised.value), "en") == str(raised.value)


@pytest.mark.parametrize(("content", "words"), [(b"", "文件是空的"), (b"no image", "不是已知格式的图片"), (PNG, "内容被截断")])
def test_why_an_image_cannot_be_read_is_said_in_chinese(content: bytes, words: str) -> None:
    with pytest.raises(UnreadableImage) as raised:
        decode(content, "a.png")
    assert translated(raised.value.reason, "zh").startswith(words)


def test_another_text_stays_as_it_is() -> None:
    assert translated("Something else.", "zh") == "Something else."
