"""Batches one ahead of the training: a thread makes the next one on a CUDA stream of its own while the GPU trains on this one.

Independent of what is in a batch. On a CPU batches are made when they are asked for: a thread would only take the training's time.
"""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import lru_cache
from typing import Protocol, TypeVar, cast

import torch
from torch import Tensor

T = TypeVar("T")
Batch = tuple[Tensor, Tensor]
Batches = Generator[Batch, None, None]
_END = object()


class BatchStream(Protocol):
    """An order of work beside the training's own, and the hand-over of a batch from the one to the other."""

    def produce(self, batches: Batches) -> Generator[tuple[Batch, object], None, None]:
        """Each batch, and the mark of its last piece of work on this stream; the work itself may still be going on."""
        ...

    def receive(self, batch: Batch, made: object) -> Batch:
        """The batch for the training, whose later work waits for `made`."""
        ...


class SideStream:
    """A CUDA stream beside the one that trains."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.stream = device, torch.cuda.Stream(device)

    def produce(self, batches: Batches) -> Generator[tuple[Batch, object], None, None]:
        """Each batch, made on this stream, and an event after it."""
        with closing(batches):
            while True:
                with torch.cuda.stream(self.stream):  # of this thread alone, and never across a yield
                    batch = next(batches, None)
                    made = self.stream.record_event()
                if batch is None:
                    return
                yield batch, made

    def receive(self, batch: Batch, made: object) -> Batch:
        """The batch, whose event the training's stream waits for; its memory is kept until that stream is done with it."""
        training = torch.cuda.current_stream(self.device)
        training.wait_event(cast(torch.cuda.Event, made))
        for tensor in batch:
            tensor.record_stream(training)
        return batch


@lru_cache(maxsize=16)
def batch_stream(device: torch.device) -> BatchStream | None:
    """The one side stream of a GPU; None for other devices."""
    return SideStream(device) if device.type == "cuda" else None


def staged(batches: Batches, stream: BatchStream | None) -> Batches:
    """The batches in order, made one ahead on the stream; None: when they are asked for, by this thread."""
    if stream is None:
        yield from batches
        return
    with closing(one_ahead(stream.produce(batches))) as coming:
        for batch, made in coming:
            yield stream.receive(batch, made)


def one_ahead(items: Generator[T, None, None]) -> Generator[T, None, None]:
    """The same items, each made by a thread while the one before it is used.

    What an item raises is raised where it would have come. Closed early, or at the end, the thread has closed `items` and ended.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as thread:
        try:
            coming = thread.submit(next, items, _END)
            while (item := coming.result()) is not _END:
                coming = thread.submit(next, items, _END)
                yield cast(T, item)
        finally:
            thread.submit(items.close).result()
