"""The queue: jobs are started one after the other, one at a time on this machine. A studio that is started again finds it as it is."""

import asyncio
import fcntl
import logging
import secrets
import subprocess
import threading
from pathlib import Path

from alexnet.studio.jobs import Job, Request, add_job, all_jobs, waiting_jobs
from alexnet.studio.limits import Limits
from alexnet.studio.refusal import Refusal

log = logging.getLogger(__name__)
POLL_SECONDS = 1.0  # while a job waits
IDLE_SECONDS = 5.0  # while none does; a job that is added is started at once
NEVER_STARTED = "The studio ended before it could start this service. Start it again."
ENDED = ("done", "stopped", "failed")


class Queue:
    """The jobs of a workspace. machine: the lock that the one running job of this machine holds, whichever studio started it."""

    def __init__(self, folder: Path, machine: Path, limits: Limits) -> None:
        self.folder, self.machine, self.limits = folder, machine, limits
        self.steps = 0  # grows with each job that is added, started or stopped, for those who wait for a change
        self._turning = threading.Lock()
        self._waits = True  # whether a job may wait: nobody else adds any to this folder
        self._children: list[subprocess.Popen[bytes]] = []

    def jobs(self) -> list[Job]:
        """All jobs that are remembered, the oldest first."""
        return all_jobs(self.folder)

    def find(self, number: int) -> Job:
        """The job of that number; raises Refusal (404)."""
        found = next((job for job in self.jobs() if job.number == number), None)
        if found is None:
            raise Refusal("no_job", 404, name=number)
        return found

    def of_run(self, run: str) -> Job | None:
        """The latest training of a run; None if the studio has started none."""
        return next(
            (job for job in reversed(self.jobs()) if job.request.run == run and job.request.kind in ("train", "study", "compare")), None
        )

    def add(self, request: Request) -> Job:
        """Add a job at the end; raises Refusal as `check` does."""
        with self._turning:
            self.check(request)
            jobs = self.jobs()
            for job in [job for job in jobs if job.state() in ENDED][: max(0, len(jobs) + 1 - self.limits.jobs)]:
                job.forget()
            job = add_job(self.folder, request)
            self._waits = True
            self.steps += 1
            if request.kind == "serve":
                self._serve(job)
        self.turn()
        return job

    def check(self, request: Request) -> None:
        """Raise Refusal if a job like it waits or runs already, or too many wait."""
        open_ = [job for job in self.jobs() if job.state() not in ENDED]
        if any((job.request.words, job.request.kind) == (request.words, request.kind) for job in open_):
            raise Refusal("job_exists", 409, name=request.run)
        if len(open_) >= self.limits.jobs:
            raise Refusal("queue_full", 429, most=self.limits.jobs)

    def cancel(self, job: Job) -> None:
        """Stop a job, or take one that waits out of the queue; raises Refusal (403) for a process of another user."""
        self.steps += 1
        with self._turning:  # or it could be started while its files are removed
            if job.state() == "waiting":
                job.forget()
                return
        try:
            job.stop()
        except PermissionError:
            raise Refusal("job_of_another", 403, name=job.request.run) from None

    def turn(self) -> None:
        """Start the first job that waits, if nothing runs on this machine."""
        with self._turning:
            self._children = [child for child in self._children if child.poll() is None]
            waiting = waiting_jobs(self.folder) if self._waits else []
            for job in waiting:
                if job.request.kind == "serve":  # it would have been started when it was added; it takes no turn
                    job.fail(NEVER_STARTED)
                    self.steps += 1
            queued = [job for job in waiting if job.request.kind != "serve"]
            self._waits = bool(queued)
            if queued:
                self._start_alone(queued[0])

    def _start_alone(self, job: Job) -> None:
        self.machine.parent.mkdir(parents=True, exist_ok=True)
        with self.machine.open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self._children.append(job.start(lock))
            self.steps += 1

    def _serve(self, job: Job) -> None:
        """Start a service beside the queue; its link has a token of its own. One that cannot be started has failed, and says why."""
        try:
            self._children.append(job.start(environment={"ALEXNET_TOKEN": secrets.token_hex(16)}))
        except OSError as error:
            job.fail(f"The service could not be started ({error.strerror or error}). Try again.")

    def close(self) -> None:
        """Wait for no process any more: those that run go on, and are known by their files."""
        for child in self._children:
            if child.poll() is None:
                child.returncode = 0  # so that Python does not warn of it
        self._children.clear()

    async def run(self) -> None:
        """Take turns until cancelled. While nothing waits and nothing ends, a look costs next to nothing."""
        while True:
            try:
                if self._waits or any(child.poll() is not None for child in self._children):
                    await asyncio.to_thread(self.turn)
            except OSError as error:
                log.warning("The queue waits: %s", error)
            await asyncio.sleep(POLL_SECONDS if self._waits else IDLE_SECONDS)
