"""What the program's pages and verdicts say, in English and Chinese: one table, `messages/*.toml`. Knows no page.

A message is named by its file and its name in it, as `slides.parameters`; each has a text for every language. Adding a language is
its code here and a text beside each; a message that lacks one is a defect that the tests find.
"""

import tomllib
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Literal, get_args

from alexnet.errors import AlexNetError

Lang = Literal["en", "zh"]
LANGUAGES: tuple[Lang, ...] = get_args(Lang)


def language_of(word: object) -> Lang:
    """The language of a user's word; raises AlexNetError for one that there are no messages in."""
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


def fields_of(text: str) -> set[str]:
    """The names in braces that a text is filled in with."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}
