"""The rules of the house that hold for the tests themselves: they use what is public, so that the inside of a module can change."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
STUDY = "alexnet.studies.study"
REPLACING = {"setattr", "delattr", "getattr", "patch", "object"}  # what takes the name of an attribute as text


def is_private(name: str) -> bool:
    """One underscore in front: __names__ are the language's, _names_ a protocol's, and _ alone is a value that nobody reads."""
    return name.startswith("_") and not name.startswith("__") and not name.endswith("_")


@cache
def our_private_names() -> frozenset[str]:
    """Functions, classes, values and attributes that src/alexnet defines with one underscore in front."""
    found: set[str] = set()
    for path in (ROOT / "src" / "alexnet").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    found.add(name)
                case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                    found.add(name)
    return frozenset(filter(is_private, found))


def private_uses(source: str, ours: frozenset[str]) -> Iterator[tuple[int, str]]:
    """(line, what) of each use of a private name of alexnet's; attributes of a test's own objects are reached through self."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if module.split(".")[0] == "alexnet":
                parts = [*module.split("."), *(one.name for one in names)]
                yield from ((node.lineno, f"import of {part}") for part in parts if is_private(part) and part != "_version")
            case ast.Import(names=names):
                modules = [one.name for one in names if one.name.split(".")[0] == "alexnet"]
                yield from ((node.lineno, f"import of {name}") for name in modules if any(map(is_private, name.split("."))))
            case ast.Attribute(attr=name, value=owner) if name in ours:
                if not (isinstance(owner, ast.Name) and owner.id in ("self", "cls")):
                    yield node.lineno, f"{ast.unparse(owner)}.{name}"
            case ast.Constant(value=str(text)) if text.startswith("alexnet.") and " " not in text:
                yield from ((node.lineno, text) for part in text.split(".") if is_private(part) and part != "_version")
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=words) if name in REPLACING:
                texts = [word.value for word in words[:2] if isinstance(word, ast.Constant) and isinstance(word.value, str)]
                yield from ((node.lineno, f"{name} of {text}") for text in texts if text in ours)


def test_no_private_name_of_ours_is_used() -> None:
    """Use public behaviour, or hand in an object (a clock, a reader, a folder) in the place of the private one."""
    assert TESTS
    uses = {str(path.relative_to(ROOT)): list(private_uses(path.read_text("utf-8"), our_private_names())) for path in TESTS}
    assert {path: found for path, found in uses.items() if found} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from alexnet.data.packs.writer import _Packing", "import of _Packing"),
        ("import alexnet._private.module", "import of alexnet._private.module"),
        ("job._conclude(1)", "job._conclude"),
        ("object_of_ours().inner._conclude", "object_of_ours().inner._conclude"),
        ("monkeypatch.setattr(job, '_conclude', 1)", "setattr of _conclude"),
        (f"monkeypatch.setattr('{STUDY}._conclude', 1)", f"{STUDY}._conclude"),
        ("getattr(job, '_conclude')", "getattr of _conclude"),
    ],
)
def test_every_form_of_use_is_found(source: str, found: str) -> None:
    assert [what for _, what in private_uses(source, frozenset({"_conclude", "_Packing"}))] == [found]


@pytest.mark.parametrize(
    "source", ["from alexnet._version import __version__", "nn.init._calculate_fan_in_and_fan_out(w)", "self._conclude()", "_, b = a"]
)
def test_what_is_not_ours_is_left_alone(source: str) -> None:
    assert list(private_uses(source, frozenset({"_conclude"}))) == []
