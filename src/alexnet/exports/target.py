"""What a target of `alexnet export` is: a name, a suffix, and the function that writes it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alexnet.exports.check import Check
from alexnet.exports.request import Job


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """write: makes and checks the model, and writes it to a path that does not exist; returns what the check has found.

    suffix: of the file; targets without one are folders. int8: whether the numbers may be whole.
    """

    name: str
    title: str
    suffix: str
    write: Callable[[Job, Path], Check]
    int8: bool = False
