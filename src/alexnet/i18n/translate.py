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
LONGEST_TRANSLATED = 5_000  # characters of a text that is searched for: the time for a match grows faster than its length


def language_of(word: object) -> Lang:
    """The language with that code; raises AlexNetError if there are no messages in it."""
    if not isinstance(word, str) or word not in LANGUAGES:
        raise AlexNetError(f"There are no messages in '{word}'; --lang can be {', '.join(LANGUAGES)}.")
    return word


def say(name: str, lang: Lang, **values: object) -> str:
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
    """What the program says in English when something is wrong, in a language; as it is, if `errors.toml` has no message like it."""
    if lang == "en" or len(text) > LONGEST_TRANSLATED:
        return text
    for name in table():
        if name.startswith("errors.") and (values := values_in(text, name)) is not None:
            return say(name, lang, **values)
    return text


def fields_of(text: str) -> set[str]:
    """The names of the {fields} in a text."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}
