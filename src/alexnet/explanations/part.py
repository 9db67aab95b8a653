"""The parts of an explanation: what each makes, and how it is stored. Independent of what they explain."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from alexnet.explanations.subject import Subject


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What a part has found.

    values: what the page shows, as plain JSON; images are data: URIs. files: plain files by name, the first of which stands for the part.
    keys: what it adds to the JSON of `alexnet explain --json`.
    """

    values: Mapping[str, Any]
    files: Mapping[str, bytes | str] = field(default_factory=dict)
    keys: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """A row of PARTS: its name, which is that of its template and messages, and the function that makes it; that raises AlexNetError."""

    name: str
    make: Callable[[Subject], Content]


@dataclass(frozen=True, kw_only=True, slots=True)
class MadePart:
    """A part in explanation.json: the values that the page shows, or the reason why there are none. file: relative to the folder."""

    name: str
    file: str | None = None
    error: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
