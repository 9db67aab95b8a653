"""Progress on standard error: a live line with the time left, or one line per epoch in a log."""

from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from alexnet.runtime.events import EpochDone, Event, Message, Planned
from alexnet.runtime.progress import HEADING, LiveLine, epoch_line, live_line, planned_line
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
        live = live_line(event)
        if live is not None:
            self._show(live)
            return
        match event:
            case EpochDone():
                if not self.heading:
                    self.say(HEADING)
                    self.heading = True
                self.say(epoch_line(event))
            case Planned():
                self.say(planned_line(event))
            case Message():
                self.say(event.text)

    def say(self, text: str) -> None:
        """Print one line above the live one."""
        self.console.print(escape(visible(text)))

    def _show(self, live: LiveLine) -> None:
        if self.task is None:
            self.task = self.progress.add_task(live.name, total=1.0, speed=live.details)
        self.progress.update(self.task, description=live.name, completed=live.share, speed=live.details)
