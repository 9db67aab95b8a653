"""What the routes of one studio share. Independent of HTTP's forms."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from alexnet.studio.arrivals import Arrivals
from alexnet.studio.datasets import DataSets
from alexnet.studio.findings import Findings
from alexnet.studio.limits import Limits
from alexnet.studio.queue import Queue
from alexnet.studio.requests import Requests
from alexnet.studio.run_images import RunImages
from alexnet.studio.tries import Tries
from alexnet.studio.watch import Watches
from alexnet.studio.workspace import Workspace


@dataclass(slots=True)
class State:
    """closing: the studio is ending; streams of events end, and answers ask for their connections to be closed."""

    watches: Watches

    @property
    def closing(self) -> bool:
        """Whether it is ending."""
        return self.watches.ended

    @closing.setter
    def closing(self, value: bool) -> None:
        if value:
            self.watches.end()


@dataclass(frozen=True, kw_only=True, slots=True)
class Studio:
    """One studio."""

    workspace: Workspace
    limits: Limits
    data_sets: DataSets
    findings: Findings
    arrivals: Arrivals
    queue: Queue
    requests: Requests
    watches: Watches
    images: RunImages
    tries: Tries
    state: State

    def close(self) -> None:
        """End the threads; jobs go on, and are found again at the next start."""
        self.findings.close()
        self.arrivals.close()
        self.tries.close()
        self.queue.close()


def studio_of(workspace: Workspace, machine: Path, limits: Limits | None = None) -> Studio:
    """A studio over an open workspace. machine: the lock that one job of this machine holds at a time."""
    limits = limits or Limits()
    data_sets = DataSets(workspace)
    queue = Queue(workspace.jobs, machine, limits)
    images = RunImages(data_sets)
    watches = Watches(workspace, queue)
    return Studio(
        workspace=workspace,
        limits=limits,
        data_sets=data_sets,
        findings=Findings(),
        arrivals=Arrivals(workspace, limits, data_sets.changing, ThreadPoolExecutor(1, thread_name_prefix="archive")),
        queue=queue,
        requests=Requests(workspace, data_sets, queue),
        watches=watches,
        images=images,
        tries=Tries(images, limits),
        state=State(watches),
    )
