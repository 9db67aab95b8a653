"""The archives that are on their way into data sets, one after the other, and what became of the last one of each."""

import logging
import shutil
import threading
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alexnet.errors import AlexNetError
from alexnet.i18n.translate import Lang, translated
from alexnet.studio.archives import Arrival, unpack
from alexnet.studio.corrections import renew_table
from alexnet.studio.datasets import DataSet
from alexnet.studio.limits import Limits
from alexnet.studio.receiving import disk_refusal, temporary
from alexnet.studio.refusal import Refusal, problem_text
from alexnet.studio.staged import SUFFIX
from alexnet.studio.workspace import Workspace

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Arriving:
    """One archive: how far it is, and once it has ended, why it failed if it did.

    archive: its temporary path, which messages do not show, but `shown`: what its sender calls it.
    """

    archive: str
    shown: str
    arrival: Arrival = field(default_factory=Arrival)
    ended: bool = False
    problem: AlexNetError | Refusal | None = None

    def to_json(self, lang: Lang) -> dict[str, Any]:
        """What a browser shows."""
        problem = problem_text(self.problem, lang) if self.problem is not None else None
        return {
            "done": self.arrival.done,
            "total": self.arrival.total,
            "added": self.arrival.added,
            "known": self.arrival.known,
            "left_out": [(name, translated(reason, lang)) for name, reason in self.arrival.left_out],
            "n_left_out": self.arrival.n_left_out,
            "remarks": self.arrival.remarks,
            "ended": self.ended,
            "problem": problem.replace(self.archive, self.shown) if problem else None,
        }


class Arrivals:
    """Takes archives apart in the background."""

    def __init__(self, workspace: Workspace, limits: Limits, changing: threading.Lock, pool: Executor) -> None:
        self.workspace, self.limits, self.changing, self.pool = workspace, limits, changing, pool
        self._by_name: dict[str, Arriving] = {}

    def begin(self, data: DataSet, received: Path, shown: str) -> None:
        """Take an archive, which is moved away; raises Refusal while another one is on its way into the same data set."""
        if (former := self._by_name.get(data.name)) is not None and not former.ended:
            raise Refusal("arriving", 409, name=data.name)
        archive = temporary(self.workspace.uploads)
        received.replace(archive)
        arriving = self._by_name[data.name] = Arriving(str(archive), shown)
        self.pool.submit(self._unpack, data, archive, arriving)

    def of(self, name: str, lang: Lang) -> dict[str, Any] | None:
        """How far the archive is that was sent last; None if there was none."""
        found = self._by_name.get(name)
        return found.to_json(lang) if found is not None else None

    def close(self) -> None:
        """End the thread, after the archive that it is in."""
        self.pool.shutdown(wait=False, cancel_futures=True)

    def _unpack(self, data: DataSet, archive: Path, arriving: Arriving) -> None:
        stage = archive.with_suffix(SUFFIX)

        def tell(arrival: Arrival) -> None:
            arriving.arrival = arrival

        try:
            stage.mkdir()
            unpack(data, archive, stage, self.limits, tell)
            with self.changing:
                renew_table(data)
        except (AlexNetError, Refusal) as problem:
            arriving.problem = problem
        except OSError as error:
            arriving.problem = disk_refusal(error)
        except Exception as defect:
            log.exception("A defect while taking an archive apart")
            arriving.problem = AlexNetError(f"{type(defect).__name__}: {defect}")
        finally:
            arriving.ended = True
            shutil.rmtree(stage, ignore_errors=True)
            archive.unlink(missing_ok=True)
