"""The words of the project: one table, held over the code, its messages and its documents.

In code, comments and documents of code it is an image; `picture` and `photo` are for people who bring photos: READMEs, messages on the
screen, pages.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORDS = {  # what we do not say: what we say
    r"\bgraphics? cards?\b|(?<!model )(?<!score)\bcards?\b(?! (of|and weights|that|does not|describes))": "GPU",
    r"(?<!platform\.)\bprocessors?\b": "CPU",  # platform.processor is Python's
    r"\banew\b": "again, rebuild",
    r"\b(go|goes|going|gone|went) on with\b|\b[Bb]roken off\b|\bgo(es)? on where\b": "resume",
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\bgives\b|\bgive back\b": "returns",
    r"\b[Kk]nows? (no|nothing|neither|not)\b": "independent of",
    r"\bTake [a-z-]+-svm\b|\bwhich to take\b|\bnames {?[\w.]+}?% ": "use X: it classifies 93% correctly",
    r"\bsaid again\b": "repeated",
}
IMAGE = r"\b(?<![./-])[Pp]ictures?\b"
DOCUMENTS = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "README.md"])
FOR_LAYMEN = {"README.md", "commands.md", "results.md", "handcrafted.md"}  # these may say picture
MODULES = sorted((ROOT / "src" / "alexnet").rglob("*.py"))
MESSAGES = sorted((ROOT / "src" / "alexnet").rglob("*.toml")) + sorted((ROOT / "src" / "alexnet").rglob("*.j2"))
FORMER = re.compile(r"earlier versions?|FORMER|Former")  # a line that speaks of old files may use their words


def found(text: str, patterns: dict[str, str]) -> list[str]:
    """Where the text says what we do not say, with what we say."""
    return [
        f"line {number}: {hit[0]!r}, say {better}"
        for number, line in enumerate(text.splitlines(), 1)
        if not FORMER.search(line)
        for pattern, better in patterns.items()
        if (hit := re.search(pattern, line))
    ]


def prose_of(source: str) -> str:
    """Comments, docstrings and names of a module, each on its line; other strings are messages, which may say picture."""
    lines = [""] * (source.count("\n") + 2)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            lines[token.start[0] - 1] += token.string
        elif token.type == tokenize.NAME:
            lines[token.start[0] - 1] += " " + token.string.replace("_", " ") + " "
    for text, first in docstrings(source):
        for offset, line in enumerate(text.splitlines()):
            lines[first - 1 + offset] += line
    return "\n".join(lines)


def docstrings(source: str) -> Iterator[tuple[str, int]]:
    """Each docstring with the line that it begins on."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Module(body=body) | ast.ClassDef(body=body) | ast.FunctionDef(body=body):
                match body:
                    case [ast.Expr(value=ast.Constant(value=str(text))) as first, *_]:
                        yield text, first.lineno


def found_in_code(source: str, *, image: bool) -> list[str]:
    """What stands in a module and its messages; image: in its prose an image is no picture."""
    return found(source, WORDS) + found(prose_of(source), {IMAGE: "image"} if image else {})


def found_in(texts: dict[Path, list[str]]) -> dict[str, list[str]]:
    """The files in which something was found, by their path in the repository."""
    return {str(path.relative_to(ROOT)): words for path, words in texts.items() if words}


def test_code_and_its_messages_use_our_words() -> None:
    assert MODULES
    assert found_in({path: found_in_code(path.read_text("utf-8"), image=path.parent.name != "cli") for path in MODULES}) == {}


def test_messages_use_our_words() -> None:
    assert MESSAGES
    assert found_in({path: found(path.read_text("utf-8"), WORDS) for path in MESSAGES}) == {}


def test_documents_use_our_words() -> None:
    assert DOCUMENTS
    words = {path: WORDS if path.name in FOR_LAYMEN else WORDS | {IMAGE: "image"} for path in DOCUMENTS}
    assert found_in({path: found(path.read_text("utf-8"), words[path]) for path in DOCUMENTS}) == {}


def test_the_table_finds_what_it_is_for() -> None:
    assert found("It runs on a card.", WORDS)
    assert found("the page is made anew", WORDS)
    assert not found("The model card is read again on the GPU.", WORDS)
    assert found(prose_of('"""Reads pictures."""\n'), {IMAGE: "image"})
    assert not found(prose_of('print("3 pictures")\n'), {IMAGE: "image"})
