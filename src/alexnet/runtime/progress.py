"""Events as text, for every way in which progress is shown: a terminal, a log, a notebook."""

import math
from dataclasses import dataclass

from alexnet.runtime.events import EpochDone, Event, Extracting, Planned, Predicting, Reading, RunsDone, StepDone

HEADING = f"{'epoch':>7} {'train loss':>11} {'train error':>12} {'valid. error':>13} {'images/s':>9} {'time':>8}"


@dataclass(frozen=True, slots=True)
class LiveLine:
    """What is going on: its name, the share that is done (0 to 1), and the details."""

    name: str
    share: float
    details: str


def live_line(event: Event) -> LiveLine | None:
    """The line that an event puts in the place of the one before; None for events that add a line, or nothing."""
    match event:
        case StepDone():
            left = f"{clock(event.seconds_left)} left" if event.progress > 0 else "planning"
            details = f"loss {event.loss:.3f}  {event.images_per_second:,.0f} images/s  {left}"
            return LiveLine(f"epoch {math.floor(event.epoch) + 1}", event.progress, details)
        case Reading():
            return LiveLine("reading pictures", event.done / max(1, event.total), f"{event.done:,} of {event.total:,}")
        case Extracting() | Predicting():
            name = "features" if isinstance(event, Extracting) else "predicting"
            details = f"{event.done:,} of {event.total:,}  {clock(event.seconds_left)} left"
            return LiveLine(name, event.done / max(1, event.total), details)
        case RunsDone():
            left = "" if event.seconds_left is None else f"  {clock(event.seconds_left)} left"
            return LiveLine("runs", event.done / max(1, event.total), f"{event.done:,} of {event.total:,}{left}")
    return None


def epoch_line(event: EpochDone) -> str:
    """The row of an epoch, under HEADING."""
    row = event.row
    validation = f"{row['validation_error']:13.2%}" if "validation_error" in row else 13 * " "
    line = f"{row['epoch']:7.2f} {row['training_loss']:11.4f} {row['training_error']:12.2%} {validation}"
    return f"{line} {row['images_per_second']:9,.0f} {clock(row['seconds']):>8}{'  best' if event.best else ''}"


def planned_line(event: Planned) -> str:
    """What a time budget holds."""
    return f"The budget holds {event.epochs:.1f} epochs: {event.steps:,} steps of {event.seconds_per_step:.3g} s."


def clock(seconds: float) -> str:
    """As 1:15 or 1:01:11."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
