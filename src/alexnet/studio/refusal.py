"""What the studio refuses, in the reader's language. Independent of HTTP's forms, but for the status."""

from typing import Any

from alexnet.errors import AlexNetError
from alexnet.i18n.translate import Lang, table, translated


class Refusal(Exception):
    """A request that cannot be granted: the message `studio.problem_PROBLEM` with its values, and the HTTP status that fits."""

    def __init__(self, problem: str, /, status: int = 422, **values: Any) -> None:
        super().__init__(problem)
        self.problem, self.status, self.values = problem, status, values

    def text(self, lang: Lang) -> str:
        """The message in a language."""
        values = {name: translated(value, lang) if name == "reason" else value for name, value in self.values.items()}
        return table()[f"studio.problem_{self.problem}"][lang].format(**values)

    def __str__(self) -> str:
        return self.text("en")


def problem_text(problem: AlexNetError | Refusal, lang: Lang) -> str:
    """What a refusal or an error of the program says, in a language if there are words for it."""
    return problem.text(lang) if isinstance(problem, Refusal) else translated(str(problem), lang)
