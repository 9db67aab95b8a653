"""Prefetch one batch: a thread makes the next batch on a separate CUDA stream while the GPU trains on the current one.

Independent of what is in a batch. On a CPU, batches are made when they are needed: a thread would only slow the training down.
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
    """A second queue of work next to the training's, and the transfer of batches from one to the other."""

    def produce(self, batches: Batches) -> Generator[tuple[Batch, object], None, None]:
        """Yield each batch and a marker of its last operation on this stream; the operation may still be running."""
        ...

    def receive(self, batch: Batch, made: object) -> Batch:
        """The batch for training, whose later operations wait for the marker `made`."""
        ...


class SideStream:
    """A CUDA stream next to the one that trains."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.stream = device, torch.cuda.Stream(device)

    def produce(self, batches: Batches) -> Generator[tuple[Batch, object], None, None]:
        """Yield each batch, made on this stream, and an event recorded after it."""
        with closing(batches):
            while True:
                with torch.cuda.stream(self.stream):  # set for this thread only, and never across a yield
                    batch = next(batches, None)
                    made = self.stream.record_event()
                if batch is None:
                    return
                yield batch, made

    def receive(self, batch: Batch, made: object) -> Batch:
        """The batch, for whose event the training stream now waits; its memory is not reused before that stream is done."""
        training = torch.cuda.current_stream(self.device)
        training.wait_event(cast(torch.cuda.Event, made))
        for tensor in batch:
            tensor.record_stream(training)
        return batch


@lru_cache(maxsize=16)
def batch_stream(device: torch.device) -> BatchStream | None:
    """The side stream of a GPU, the same at every call; None for other devices."""
    return SideStream(device) if device.type == "cuda" else None


def staged(batches: Batches, stream: BatchStream | None) -> Batches:
    """The batches in order, each made ahead on the stream; if `stream` is None, made by this thread when they are needed."""
    if stream is None:
        yield from batches
        return
    with closing(one_ahead(stream.produce(batches))) as coming:
        for batch, made in coming:
            yield stream.receive(batch, made)


def one_ahead(items: Generator[T, None, None]) -> Generator[T, None, None]:
    """The same items, each made by a thread while the previous one is used.

    An error from `items` is raised in place of its item. When this generator ends or is closed, `items` is closed and the thread ended.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as thread:
        try:
            coming = thread.submit(next, items, _END)
            while (item := coming.result()) is not _END:
                coming = thread.submit(next, items, _END)
                yield cast(T, item)
        finally:
            thread.submit(items.close).result()
