"""What the studio refuses, in the reader's language. Independent of HTTP's forms, but for the status."""

from typing import Any

from alexnet.errors import AlexNetError
from alexnet.i18n.translate import Lang, table, translated
from alexnet.i18n.units import short

LONGEST_NAME = 300  # characters of a name in a message


class Refusal(Exception):
    """A request that cannot be granted: the message `studio.problem_PROBLEM` with its values, and the HTTP status that fits."""

    def __init__(self, problem: str, /, status: int = 422, **values: Any) -> None:
        super().__init__(problem)
        self.problem, self.status, self.values = problem, status, values

    def text(self, lang: Lang) -> str:
        """The message in a language."""
        values = {name: _shown(name, value, lang) for name, value in self.values.items()}
        return table()[f"studio.problem_{self.problem}"][lang].format(**values)

    def __str__(self) -> str:
        return self.text("en")


def _shown(name: str, value: object, lang: Lang) -> object:
    """A value as its message shows it: a reason in the language, other text on one line, without what could disturb a page."""
    if not isinstance(value, str):
        return value
    return translated(value, lang) if name == "reason" else short(value, LONGEST_NAME)


def problem_text(problem: AlexNetError | Refusal, lang: Lang) -> str:
    """What a refusal or an error of the program says, in a language if there are words for it."""
    return problem.text(lang) if isinstance(problem, Refusal) else translated(str(problem), lang)
