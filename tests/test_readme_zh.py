"""The Chinese README says what README.md says: the same code, names, files and links, and figures that were measured."""

import re

import pytest
from tests.test_docs import rows
from tests.test_readme import README, ROOT, tree

from alexnet.i18n.translate import say

CHINESE = (ROOT / "README.zh.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REMARK = re.compile(r"\s+#.*|\s{2,}[(\uff08].*")  # a comment, or a word in parentheses of either language beside a folder
NUMBER = re.compile(r"(?<![A-Za-z0-9_.-])\d[\d,]*(?:\.\d+)?%?")
NAME = re.compile(r"(?<![A-Za-z0-9_.-])[A-Za-z][A-Za-z0-9_.-]+")


def code(text: str) -> list[tuple[str, list[str]]]:
    """The fenced blocks but the file tree: language and lines, without what is written for people."""
    return [
        (language, [REMARK.sub("", line) for line in block.splitlines()]) for language, block in FENCE.findall(text) if language != "tree"
    ]


def sections(text: str) -> list[str]:
    """The prose of the part before the first ## and of each section."""
    prose = "\n".join(line for line in FENCE.sub("", text).splitlines() if not line.startswith("|"))
    return re.split(r"^## ", prose, flags=re.MULTILINE)


def links(text: str) -> set[str]:
    return set(re.findall(r"\]\(([^)]+)\)", text)) - {"README.md", "README.zh.md"}


def result_rows() -> list[list[str]]:
    """The rows of the Chinese results, without the tables' heads."""
    table = CHINESE.split("<!-- results -->", 1)[1].split("\n## ", 1)[0]
    return [cells for cells in rows(table) if NUMBER.fullmatch(cells[-1])]


def known(cells: list[str]) -> set[str]:
    """What a row names and counts in both languages."""
    line = " ".join(cells)
    return {*NUMBER.findall(line), *NAME.findall(line)}


def test_code_is_the_same() -> None:
    english = code(README)
    assert {language for language, _ in english} == {"bash", "python", "text"}
    assert code(CHINESE) == english


def test_remarks_are_what_is_left_out() -> None:
    assert REMARK.sub("", 'alexnet inspect "a#b"    # look') == 'alexnet inspect "a#b"'
    assert REMARK.sub("", "  dog/2.jpg     val/7.jpg      \uff08val\uff09") == "  dog/2.jpg     val/7.jpg"
    assert REMARK.sub("", "print(answer.file, (1, 2))") == "print(answer.file, (1, 2))"


def test_tree_is_the_same_and_there() -> None:
    (block,) = [block for language, block in FENCE.findall(CHINESE) if language == "tree"]
    lines = [line.split(maxsplit=1) for line in block.splitlines()]
    assert [line[0] for line in lines] == tree()
    assert [line for line in lines if len(line) != 2] == []
    assert [name for name, _ in lines if not (ROOT / name).exists()] == []


def test_as_many_sections() -> None:
    assert len(sections(CHINESE)) == len(sections(README)) > 5


@pytest.mark.parametrize("number", range(len(sections(README))))
def test_each_section_names_the_same(number: int) -> None:
    """Code words, links and numbers of the English text stand in the same section of the Chinese one."""
    english, chinese = sections(README)[number], sections(CHINESE)[number]
    assert set(re.findall(r"`[^`\n]+`", english)) - set(re.findall(r"`[^`\n]+`", chinese)) == set()
    assert links(english) == links(chinese)
    assert set(NUMBER.findall(english)) - set(NUMBER.findall(chinese)) == set()


@pytest.mark.parametrize("cells", result_rows(), ids=lambda cells: " ".join(NAME.findall(" ".join(cells))))
def test_results_are_those_that_were_measured(cells: list[str]) -> None:
    """All figures and names of a row stand together in one row of the results page."""
    measured = [known(row) for row in rows((ROOT / "docs" / "results.md").read_text(encoding="utf-8"))]
    row = known(cells)
    assert len([word for word in row if word[0].isdigit()]) >= 3
    nearest = min((row - other for other in measured), key=len)
    assert not nearest, f"not in one row of docs/results.md: {sorted(nearest)}"


def test_results_are_of_networks_and_of_what_was_before() -> None:
    named = {name for cells in result_rows() for name in known(cells)}
    assert {"lenet", "alexnet-cifar-fast", "fisher-svm", "PyTorch"} <= named


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)", CHINESE)
    assert [target for target in targets if not target.startswith("https://") and not (ROOT / target).exists()] == []
    assert "](README.md)" in CHINESE
    assert "](README.zh.md)" in README


@pytest.mark.parametrize("verdict", ["holds", "reversed", "same", "too_few", "unjudged"])
def test_verdicts_are_in_the_words_of_the_pages(verdict: str) -> None:
    assert f"*{say(f'study.{verdict}', 'zh')}*" in CHINESE
    assert f"*{say(f'study.{verdict}', 'en')}*" in " ".join(README.split())
