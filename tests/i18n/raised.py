"""What the program can say when something is wrong, read from its code: the text of every error that it raises, in its parts.

A text is a tuple of the words between its fields and None for each field, or several that follow each other. Constants are put in; what a
function returns is followed one call far. Texts that are passed on from elsewhere are left out.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from string import Formatter

SOURCE = Path(__file__).resolve().parents[2] / "src" / "alexnet"
DEEPEST = 6  # constants in constants
FEWEST_WORDS = 3  # of a message: others put parts together that have their own words

Text = tuple[str | None, ...]


class Module:
    """One module: its constants, functions and imports from the package."""

    def __init__(self, path: Path) -> None:
        self.path, self.code = path, path.read_text("utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.code)

    @cached_property
    def functions(self) -> dict[str, ast.FunctionDef]:
        """Its functions and methods by name."""
        return {node.name: node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)}

    @cached_property
    def constants(self) -> dict[str, ast.expr]:
        """The values of the module's names."""
        found: dict[str, ast.expr] = {}
        for node in self.tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                found |= {target.id: node.value for target in targets if isinstance(target, ast.Name)}
        return found

    @cached_property
    def imports(self) -> dict[str, Path]:
        """Where the names that it imports from the package are defined."""
        found: dict[str, Path] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("alexnet."):
                path = SOURCE.joinpath(*str(node.module).split(".")[1:])
                found |= {one.name: path.with_suffix(".py") for one in node.names}
        return found

    def where(self, name: str) -> "Module":
        """The module that defines a name."""
        place = self.imports.get(name)
        return self if place is None or not place.exists() else modules()[place]


@cache
def modules() -> dict[Path, Module]:
    return {path: Module(path) for path in sorted(SOURCE.rglob("*.py"))}


def errors() -> set[str]:
    """The names of the errors."""
    return {node.name for node in modules()[SOURCE / "errors.py"].tree.body if isinstance(node, ast.ClassDef)}


@cache
def raised() -> dict[Text, str]:
    """Each text with one place where it is raised."""
    kinds = errors()
    found: dict[Text, str] = {}
    calls = re.compile(rf"\b({'|'.join(kinds)})\(")
    for module in [module for module in modules().values() if calls.search(module.code)]:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds and node.args:
                said = node.args[1 if node.func.id == "UnreadableImage" and len(node.args) > 1 else 0]
                found |= {text: f"{module.path.relative_to(SOURCE)}:{node.lineno}" for text in texts_of(module, said)}
    return {text: place for text, place in found.items() if words_in(text) >= FEWEST_WORDS}


def texts_of(module: Module, node: ast.expr, depth: int = 0) -> list[Text]:  # noqa: PLR0911  # one for each kind of expression
    """The texts that an expression can have; none if it is passed on from elsewhere."""
    if depth > DEEPEST:
        return []
    match node:
        case ast.Constant(value=str(text)):
            return [(text,)]
        case ast.JoinedStr(values=parts):
            return _joined([_part(module, part, depth) for part in parts])
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _joined([texts_of(module, side, depth + 1) or [(None,)] for side in (left, right)])
        case ast.IfExp(body=body, orelse=orelse):
            return texts_of(module, body, depth + 1) + texts_of(module, orelse, depth + 1)
        case ast.Name(id=name):
            place = module.where(name)
            return texts_of(place, place.constants[name], depth + 1) if name in place.constants else []
        case ast.Call(func=ast.Attribute(value=template, attr="format")):
            return [parts_of("".join(part or "{}" for part in text)) for text in texts_of(module, template, depth + 1)]
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(value=ast.Name(id="self"), attr=name)):
            return list(_returned(module.where(name), name, depth))
    return []


def _part(module: Module, part: ast.expr, depth: int) -> list[Text]:
    """A part of an f-string: its words, those of a constant, or a field."""
    if isinstance(part, ast.Constant):
        return [(str(part.value),)]
    assert isinstance(part, ast.FormattedValue)
    constant = texts_of(module, part.value, depth + 1) if isinstance(part.value, ast.Name) and part.value.id.isupper() else []
    return constant or [(None,)]


def _returned(module: Module, name: str, depth: int) -> Iterator[Text]:
    if name in module.functions:
        for node in ast.walk(module.functions[name]):
            if isinstance(node, ast.Return) and node.value is not None:
                yield from texts_of(module, node.value, depth + 1)


def _joined(parts: list[list[Text]]) -> list[Text]:
    """All ways to put a text of each part after those of the part before."""
    whole: list[Text] = [()]
    for part in parts:
        whole = [merged(start + end) for start in whole for end in part]
    return whole


def merged(text: Text) -> Text:
    """The same text with words beside words joined, and fields beside fields one."""
    found: list[str | None] = []
    for part in text:
        if part and found and found[-1] is not None:
            found[-1] += part
        elif part or (part is None and (not found or found[-1] is not None)):
            found.append(part)
    return tuple(found)


def parts_of(template: str) -> Text:
    """The text of a message with {fields}."""
    found: list[str | None] = []
    for words, field, _, _ in Formatter().parse(template):
        found += [words, *([None] if field is not None else [])]
    return merged(tuple(found))


def words_in(text: Text) -> int:
    return len(re.findall(r"[A-Za-z]{2,}", " ".join(part for part in text if part)))
