"""The events that a training sends to its listener: the screen, a log, a test. The loop is independent of which."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from alexnet.runtime.terminal import visible


@dataclass(frozen=True, slots=True)
class StepDone:
    """One optimizer step. `progress` is 0 to 1 of the planned training; `seconds_left` an estimate."""

    step: int
    epoch: float
    progress: float
    loss: float
    images_per_second: float
    seconds_left: float


@dataclass(frozen=True, slots=True)
class EpochDone:
    """The end of an epoch: one row of history.jsonl."""

    row: dict[str, float]
    best: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """A time budget was converted to a number of steps."""

    steps: int
    epochs: float
    seconds_per_step: float


@dataclass(frozen=True, slots=True)
class Message:
    """One line for the user."""

    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Images read so far, before training starts."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Extracting:
    """Images whose features have been computed so far."""

    done: int
    total: int
    seconds_left: float


@dataclass(frozen=True, slots=True)
class RunsDone:
    """Runs of a study that have ended so far; `seconds_left` is None until the first has."""

    done: int
    total: int
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class Predicting:
    """Images that have been classified so far."""

    done: int
    total: int
    seconds_left: float


Event = StepDone | EpochDone | Planned | Message | Reading | Extracting | RunsDone | Predicting
Listener = Callable[[Event], None]

LOG = logging.getLogger("alexnet")  # the library's only logger; the program that uses the library configures its handlers
LOG.addHandler(logging.NullHandler())


def silent(event: Event) -> None:
    """The listener that ignores everything."""


def log_messages(event: Event) -> None:
    """The default listener: messages go to the logger "alexnet", as INFO."""
    if isinstance(event, Message):
        LOG.info(visible(event.text))
