"""The messages of pages and verdicts in English and Chinese, read from `messages/*.toml`. Independent of any page.

A message's full name is its file and its key in it, such as `slides.parameters`; every message has a text in every language. To add a
language, add its code here and a text to each message; the tests find messages that lack one.
"""

import re
import tomllib
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Literal, get_args

from alexnet.errors import AlexNetError

Lang = Literal["en", "zh"]
LANGUAGES: tuple[Lang, ...] = get_args(Lang)
NESTED = frozenset({  # fields of errors that hold words of the program
    "advice", "error", "heic", "hint", "instead", "known", "meaning", "near", "only", "others", "part", "problem", "reason", "remedy",
    "rule", "strerror", "what", "why",
})  # fmt: skip


def language_of(word: object) -> Lang:
    """The language with that code; raises AlexNetError if there are no messages in it."""
    if not isinstance(word, str) or word not in LANGUAGES:
        raise AlexNetError(f"There are no messages in '{word}'; --lang can be {', '.join(LANGUAGES)}.")
    return word


def say(name: str, lang: Lang, /, **values: object) -> str:
    """The message in that language, its {fields} filled in from `values`."""
    return table()[name][lang].format(**values)


@cache
def table() -> dict[str, dict[str, str]]:
    """All messages: full name -> language -> text."""
    found: dict[str, dict[str, str]] = {}
    for file in files("alexnet").joinpath("messages").iterdir():
        if file.name.endswith(".toml"):
            part = tomllib.loads(file.read_text(encoding="utf-8"))
            found |= {f"{file.name.removesuffix('.toml')}.{name}": texts for name, texts in part.items()}
    return found


def values_in(text: str, name: str) -> dict[str, str] | None:
    """The values of the {fields} of a message in a text that may be that message in English; None if it is another text."""
    pattern = "".join(
        f"{re.escape(words)}(?P<{field}>.+?)" if field else re.escape(words)
        for words, field, _, _ in Formatter().parse(table()[name]["en"])
    )
    found = re.fullmatch(pattern, text, re.DOTALL)
    return found.groupdict() if found else None


def translated(text: str, lang: Lang) -> str:
    """What the program says in English when something is wrong, in a language; as it is, if `errors.toml` has no message like it.

    Of several messages that fit, the one with the most words of its own counts. Reasons and hints inside it are translated too, and the
    lines of a longer text one by one if the first of them is a message.
    """
    if lang == "en":
        return text
    if (whole := _translated(text, lang)) is not None:
        return whole
    first, *others = text.split("\n")
    if not others or (found := _translated(first, lang)) is None:
        return text
    return "\n".join([found, *(f"{' ' * (len(line) - len(line.lstrip()))}{translated(line.strip(), lang)}" for line in others)])


def _translated(text: str, lang: Lang) -> str | None:
    for name, between, names in _errors():
        if "\n" in text and "\n" not in "".join(between):  # a message of one line is not found in several
            continue
        if (values := _values_between(between, text)) is not None:
            return say(name, lang, **{field: _in_message(field, value, lang) for field, value in zip(names, values, strict=True)})
    return None


def _in_message(field: str, value: str, lang: Lang) -> str:
    """A value of a message: words of the program in the language, a name or a number as it is."""
    if field.rstrip("0123456789") not in NESTED:
        return value
    found = _translated(value.strip(), lang)
    return value if found is None else found


@cache
def _errors() -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """The messages of errors, those with the most words first: the name, the words around its fields, the names of the fields."""
    found = []
    for name, texts in table().items():
        if name.startswith("errors."):
            parts = list(Formatter().parse(texts["en"]))
            between = [words for words, *_ in parts] + ([""] if parts[-1][1] is not None else [])
            found.append((name, tuple(between), tuple(field for _, field, *_ in parts if field)))
    return sorted(found, key=lambda one: -sum(map(len, one[1])))


def _values_between(words: tuple[str, ...], text: str) -> list[str] | None:
    """The parts of a text between these words, each as short as it can be; None if the words are not there in this order."""
    if len(words) == 1:
        return [] if text == words[0] else None
    place, end, values = len(words[0]), len(text) - len(words[-1]), []
    if place > end or not text.startswith(words[0]) or not text.endswith(words[-1]):
        return None
    for part in words[1:-1]:
        at = text.find(part, place, end)
        if at < 0:
            return None
        values.append(text[place:at])
        place = at + len(part)
    return [*values, text[place:end]]


def fields_of(text: str) -> set[str]:
    """The names of the {fields} in a text."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}
