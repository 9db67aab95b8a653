"""Errors of the program in Chinese: every error that the program raises has its words in the table, and the table has no others."""

import errno
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from string import Formatter

import pytest
from tests.i18n.raised import parts_of, raised

from alexnet.data.class_folders import FolderDataset
from alexnet.data.fingerprints import HEIC, Skipped
from alexnet.data.images.decode import decode
from alexnet.data.pipeline.image_store import heic_remark
from alexnet.data.sources.folder import LAYOUT
from alexnet.errors import AlexNetError, UnreadableImage, did_you_mean
from alexnet.i18n.translate import fields_of, say, table, translated
from alexnet.storage.files import writing
from alexnet.storage.ownership import owned
from alexnet.studio.runs import log_in, problem_in

SOURCE = Path(__file__).parents[2] / "src" / "alexnet"
MESSAGES = {name: texts for name, texts in table().items() if name.startswith("errors.")}
OF_THE_SYSTEM = {
    "errors.no_such_file": errno.ENOENT,
    "errors.permission_denied": errno.EACCES,
    "errors.is_a_directory": errno.EISDIR,
    "errors.not_a_directory": errno.ENOTDIR,
    "errors.name_too_long": errno.ENAMETOOLONG,
    "errors.address_in_use": errno.EADDRINUSE,
}
PHOTOS = [Skipped(f"{number}.heic", "c", HEIC) for number in range(3)]
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000040000000408020000002693092900000010494441547801636060c00b2800")


@pytest.fixture(scope="module")
def said() -> str:
    """All texts of the program, those over several lines joined."""
    code = "\n".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py"))
    return re.sub(r"\"\s*\n\s*f?\"|\\\"", "", code)


def test_every_error_has_its_words_in_chinese() -> None:
    """The words between the fields are the same, letter by letter."""
    known = {parts_of(texts["en"]) for texts in MESSAGES.values()}
    found = raised()
    assert len(found) > 400
    assert {place: text for text, place in found.items() if text not in known} == {}


def test_the_table_has_no_words_that_nobody_says(said: str) -> None:
    """Those that are not raised as they are: the program puts them together."""
    known = raised()
    for name, texts in MESSAGES.items():
        if name not in OF_THE_SYSTEM and parts_of(texts["en"]) not in known:
            check_clauses(texts["en"], said)


def check_clauses(message: str, said: str) -> None:
    for words, _, _, _ in Formatter().parse(message):
        for clause in re.split(r"[:;.?] |(?<=has )|(?<=files )", words):  # the program puts some of them together
            assert clause.strip(" ,.;:`'?") in said, clause


@pytest.mark.parametrize("name", OF_THE_SYSTEM)
def test_reasons_of_the_system_are_its_own(name: str) -> None:
    assert MESSAGES[name]["en"] == os.strerror(OF_THE_SYSTEM[name])


def test_each_message_is_found_by_its_text_with_its_values() -> None:
    values = {name: {field: f"<{field}>" for field in fields_of(texts["en"])} for name, texts in MESSAGES.items()}
    found = {name: translated(say(name, "en", **values[name]), "zh") for name in MESSAGES}
    assert found == {name: say(name, "zh", **values[name]) for name in MESSAGES}


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        (
            f"No kernel is called 'linaer'. {did_you_mean('linaer', ('linear', 'chi2'))}",
            "没有名为“linaer”的核函数。你要找的是“linear”吗？可选：chi2, linear。",  # noqa: RUF001
        ),
        (
            "No folder, archive or data set is called 'phots'. There is 'photos'. Known: digits.",
            "没有名为“phots”的文件夹、压缩包或数据集。有“photos”。可选：digits。",  # noqa: RUF001
        ),
        (
            f"a has only one class with pictures, 'b'; training needs at least 2. {heic_remark(PHOTOS)} {LAYOUT} "
            "`alexnet inspect a` shows what is there.",
            "a 只有类别“b”有图片，训练至少需要 2 个类别。有 3 个文件是 HEIC 照片：运行 pip install '.[heic]' 后即可读取。"  # noqa: RUF001
            "每个类别应有一个文件夹，例如 photos/cat/1.jpg、photos/dog/2.jpg；"  # noqa: RUF001
            "如已划分好，上面再加 train/、validation/、test/。可用 alexnet inspect a 查看其中的内容。",  # noqa: RUF001
        ),
        ("a.csv is not a list of sorted pictures (is empty).", "a.csv 不是整理图片的列表（文件是空的）。"),  # noqa: RUF001
        ("The list is empty cannot be opened (No such file or directory).", "无法打开列表 is empty（没有这个文件或文件夹）。"),  # noqa: RUF001
        (
            "a.zip is encrypted (cat/1.jpg). Unpack it with its password and use the folder.",
            "a.zip 已加密（cat/1.jpg）。请用密码解压，然后使用解压后的文件夹。",  # noqa: RUF001
        ),
    ],
)
def test_reasons_and_hints_inside_a_message_are_translated_and_names_are_not(text: str, chinese: str) -> None:
    assert translated(text, "zh") == chinese


STOPPED = """Training stopped: the loss became nan at step 1,024.
  conv1: 75% of the units never change
  Update / weight per step (healthy: about 0.001): conv1 1.0e-03
  No good checkpoint exists yet. Try a smaller --training.learning-rate, or --network.initialisation he."""


def test_the_lines_of_a_longer_error_are_translated_one_by_one() -> None:
    assert translated(STOPPED, "zh").split("\n") == [
        "训练已停止：第 1,024 步的损失变为 nan。",  # noqa: RUF001
        "  conv1：75% 的单元从不变化",  # noqa: RUF001
        "  每步更新量 / 权重（正常约为 0.001）：conv1 1.0e-03",  # noqa: RUF001
        "  还没有正常的检查点。请减小 --training.learning-rate，或用 --network.initialisation he。",  # noqa: RUF001
    ]
    assert translated(f"Reading ...\n{STOPPED}", "zh") == f"Reading ...\n{STOPPED}", "it does not begin with an error"
    assert log_in(f"Reading ...\n{STOPPED}", "zh").startswith("Reading ...\n训练已停止")


def test_an_error_at_the_end_of_a_log_is_found_and_what_is_before_it_stays() -> None:
    log = "Reading ...\nNo system had a result within 5 s:\n  hog-svm: late\nUse a longer --budget, or one system: --model hog-svm."
    assert log_in(log, "zh").splitlines()[:2] == ["Reading ...", "没有系统在 5 s 内得到结果："]  # noqa: RUF001
    assert log_in(log, "en") == log
    assert problem_in(log) is not None
    assert problem_in("Reading 3 pictures ...") is None
    assert log_in("", "zh") == ""


def test_a_value_may_hold_anything() -> None:
    name = "{x} Known: is empty " * 2_000
    assert name in translated(f"No kernel is called '{name}'. Known: chi2.", "zh")


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
