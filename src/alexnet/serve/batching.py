"""Images of concurrent requests, answered together: one run of the model serves up to `most` of them.

A run of eight images takes far less than eight runs of one. While all runs that may go on at once are going on, the next batch gathers;
only the first image after a pause waits, and never longer than `wait` seconds. Independent of HTTP and of models.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from alexnet.serve.served_classifier import Row, Square

Run = Callable[[NDArray[np.uint8]], Sequence[Row]]  # squares (n, 3, S, S) -> an answer for each


@dataclass(slots=True)
class _Waiting:
    image: Square
    row: asyncio.Future[Row]
    since: float = field(default_factory=time.monotonic)


class Batcher:
    """Gathers images and runs them through `run` in the executor's threads. Belongs to one event loop."""

    def __init__(
        self,
        run: Run,
        executor: Executor,
        *,
        most: int,
        wait: float,
        at_once: int = 1,
        on_batch: Callable[[int, float], None] = lambda images, seconds: None,
    ) -> None:
        """at_once: how many batches may be under way; `on_batch` hears how many images each run had, and its seconds."""
        self.run, self.executor, self.most, self.wait, self.on_batch = run, executor, most, wait, on_batch
        self._waiting: deque[_Waiting] = deque()
        self._enough = asyncio.Event()
        self._free = asyncio.Semaphore(at_once)
        self._worker: asyncio.Task[None] | None = None
        self._runs: set[asyncio.Task[None]] = set()

    async def rows(self, images: Sequence[Square]) -> list[Row]:
        """The answer for each square, in order. The images of a cancelled caller are dropped, unless they are being run."""
        loop = asyncio.get_running_loop()
        waiting = [_Waiting(image, loop.create_future()) for image in images]
        self._waiting.extend(waiting)
        if len(self._waiting) >= self.most:
            self._enough.set()
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._work())
        return await asyncio.gather(*(one.row for one in waiting))

    async def _work(self) -> None:
        """Start runs until no image waits."""
        while self._waiting:
            await self._free.acquire()
            await self._gathered(self.wait - (time.monotonic() - self._waiting[0].since))
            run = asyncio.create_task(self._answer(self._taken()))
            self._runs.add(run)
            run.add_done_callback(self._ended)

    def _ended(self, run: asyncio.Task[None]) -> None:
        self._runs.discard(run)
        self._free.release()

    async def _gathered(self, seconds: float) -> None:
        self._enough.clear()
        if seconds > 0 and len(self._waiting) < self.most:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._enough.wait(), seconds)

    def _taken(self) -> list[_Waiting]:
        """The next batch, without the images whose callers have left."""
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < self.most:
            one = self._waiting.popleft()
            if not one.row.done():
                batch.append(one)
        return batch

    async def _answer(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        started = time.monotonic()
        images = np.stack([one.image for one in batch])
        try:
            rows = await asyncio.get_running_loop().run_in_executor(self.executor, self.run, images)
        except Exception as error:  # every caller hears of it; the next batch is tried again
            for one in batch:
                if not one.row.done():
                    one.row.set_exception(error)
            return
        self.on_batch(len(batch), time.monotonic() - started)
        for one, row in zip(batch, rows, strict=True):
            if not one.row.done():
                one.row.set_result(row)
