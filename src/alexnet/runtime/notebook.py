"""Progress below a notebook's cell, updated in place: a bar, the epochs, the messages. IPython is there, or this is not used."""

import sys
import time
from collections.abc import Callable
from html import escape
from importlib import import_module
from typing import Any

from alexnet.runtime.events import EpochDone, Event, Message, Planned, log_messages
from alexnet.runtime.progress import HEADING, LiveLine, epoch_line, live_line, planned_line
from alexnet.runtime.terminal import visible

APART_SECONDS = 0.25  # between two updates of the bar: each is a message to the browser
MOST_LINES = 200  # of a long training, the last

Clock = Callable[[], float]


class NotebookProgress:
    """A listener that shows a training below the cell that runs it; messages go to the logger too."""

    def __init__(self, display: Callable[..., Any], html: Callable[[str], Any], clock: Clock = time.monotonic) -> None:
        """display, html: IPython's `display` and `HTML`."""
        self._display, self._html, self._clock = display, html, clock
        self._handle: Any = None
        self._lines: list[str] = []
        self._live: LiveLine | None = None
        self._shown_at = -APART_SECONDS
        self._has_heading = False

    def __call__(self, event: Event) -> None:
        """Show one event."""
        log_messages(event)
        live = live_line(event)
        if live is not None:
            self._live = live
            if live.share < 1 and self._clock() - self._shown_at < APART_SECONDS:
                return
        else:
            self._add(event)
        self._show()

    def _add(self, event: Event) -> None:
        match event:
            case EpochDone():
                self._lines += [] if self._has_heading else [HEADING]
                self._has_heading = True
                self._lines.append(epoch_line(event))
            case Planned():
                self._lines.append(planned_line(event))
            case Message():
                self._lines.append(visible(event.text))

    def _show(self) -> None:
        self._shown_at = self._clock()
        page = self._html(self._page())
        if self._handle is None:
            self._handle = self._display(page, display_id=True)
        else:
            self._handle.update(page)

    def _page(self) -> str:
        lines = "\n".join(map(escape, self._lines[-MOST_LINES:]))
        text = f'<pre style="margin:0">{lines}</pre>' if lines else ""
        if self._live is None:
            return text
        name, share, details = self._live.name, min(1.0, max(0.0, self._live.share)), self._live.details
        bar = f'<progress max="1" value="{share:.4f}" aria-label="{escape(name)}"></progress>'
        return f"{text}<div>{escape(name)} {bar} {share:.0%} {escape(details)}</div>"


_progress: dict[object, NotebookProgress] = {}  # of the cell that runs, by its number


def show_progress(event: Event) -> None:
    """The default listener: in a notebook progress below the cell, updated in place; elsewhere messages go to the logger "alexnet"."""
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if getattr(shell, "kernel", None) is None:
        log_messages(event)
        return
    cell = shell.execution_count
    if cell not in _progress:
        shown: Any = import_module("IPython.display")
        _progress.clear()
        _progress[cell] = NotebookProgress(shown.display, shown.HTML)
    _progress[cell](event)
