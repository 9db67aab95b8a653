"""Progress on standard error: a live line with the time left, or one line per epoch in a log."""

import math
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from alexnet.runtime.events import EpochDone, Event, Extracting, Message, Planned, Predicting, Reading, RunsDone, StepDone
from alexnet.runtime.terminal import visible


class Screen:
    """Shows the events of a run; a context manager, so that the live line is always cleared."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[speed]}"))
        self.progress = Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal)
        self.task: TaskID | None = None
        self.heading = False

    def __enter__(self) -> "Screen":
        self.progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.progress.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        match event:
            case StepDone():
                self._step(event)
            case EpochDone():
                self._epoch(event)
            case Planned():
                self.say(f"The budget holds {event.epochs:.1f} epochs: {event.steps:,} steps of {event.seconds_per_step:.3g} s.")
            case Reading():
                self._show("reading pictures", event.done / max(1, event.total), f"{event.done:,} of {event.total:,}")
            case Extracting():
                left = f"{event.done:,} of {event.total:,}  {_clock(event.seconds_left)} left"
                self._show("features", event.done / max(1, event.total), left)
            case Predicting():
                left = f"{event.done:,} of {event.total:,}  {_clock(event.seconds_left)} left"
                self._show("predicting", event.done / max(1, event.total), left)
            case RunsDone():
                left = "" if event.seconds_left is None else f"  {_clock(event.seconds_left)} left"
                self._show("runs", event.done / max(1, event.total), f"{event.done:,} of {event.total:,}{left}")
            case Message():
                self.say(event.text)

    def say(self, text: str) -> None:
        """Print one line above the live one."""
        self.console.print(escape(visible(text)))

    def _step(self, event: StepDone) -> None:
        left = f"{_clock(event.seconds_left)} left" if event.progress > 0 else "planning"
        speed = f"loss {event.loss:.3f}  {event.images_per_second:,.0f} images/s  {left}"
        self._show(f"epoch {math.floor(event.epoch) + 1}", event.progress, speed)

    def _show(self, description: str, share: float, speed: str) -> None:
        if self.task is None:
            self.task = self.progress.add_task(description, total=1.0, speed=speed)
        self.progress.update(self.task, description=description, completed=share, speed=speed)

    def _epoch(self, event: EpochDone) -> None:
        row = event.row
        if not self.heading:
            self.say(f"{'epoch':>7} {'train loss':>11} {'train error':>12} {'valid. error':>13} {'images/s':>9} {'time':>8}")
            self.heading = True
        validation = f"{row['validation_error']:13.2%}" if "validation_error" in row else 13 * " "
        line = f"{row['epoch']:7.2f} {row['training_loss']:11.4f} {row['training_error']:12.2%} {validation}"
        self.say(f"{line} {row['images_per_second']:9,.0f} {_clock(row['seconds']):>8}{'  best' if event.best else ''}")


def _clock(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
