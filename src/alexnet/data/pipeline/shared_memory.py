"""Decoded images shared by the workers of one machine: the first worker reads them once, into memory that all workers map.

Linux only (memfd): the memory belongs to no file on disk, so nothing is left behind, however the workers end. On other systems each worker
reads the images itself.
"""

import io
import os
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alexnet.data.curation.scan import Progress
from alexnet.data.fingerprints import Fingerprints, Skipped, Survey
from alexnet.errors import WorkerLost
from alexnet.runtime.distributed import Workers, stall_seconds

POLL_SECONDS = 0.2
_readings = count()


def can_share(world: Workers) -> bool:
    """Whether several workers run on this machine and its system supports memfd."""
    return world.local_size > 1 and hasattr(os, "memfd_create")


class SharedReading:
    """One pass over a data set by the first worker of a machine, whose result the others receive."""

    def __init__(self, world: Workers, number: int) -> None:
        self.world, self.key = world, f"reading/{world.rank - world.local_rank}/{number}"
        self.first = world.local_rank == 0
        self.files: list[int] = []

    def squares(self, shape: Sequence[int]) -> Tensor:
        """Zeros, uint8 of this shape, in memory that the others can map."""
        return self._mapped(self._new_file("squares", int(np.prod(shape))), shape)

    def heartbeat(self, report: Progress | None) -> Progress:
        """A progress function that calls `report` and shows the other workers that the pass is still running."""

        def beat(done: int, total: int) -> None:
            self.world.store.set(f"{self.key}/done", str(done))
            if report is not None:
                report(done, total)

        return beat

    def publish(self, survey: Survey, squares: Tensor | None) -> None:
        """Make the result available to the other workers of this machine."""
        content = packed(survey)
        place = self._new_file("survey", len(content))
        Path(place).write_bytes(content)
        where = [place, f"/proc/{os.getpid()}/fd/{self.files[0]}" if squares is not None else ""]
        self.world.store.set(self.key, "\n".join([*where, *map(str, squares.shape if squares is not None else ())]))

    def receive(self) -> tuple[Survey, Tensor | None]:
        """Wait for the result of this machine's first worker; raises WorkerLost when it stops making progress."""
        self._wait()
        survey, squares, *shape = self.world.store.get(self.key).decode().split("\n")
        return unpacked(Path(survey).read_bytes()), self._mapped(squares, [int(side) for side in shape]) if squares else None

    def close(self) -> None:
        """Close the files once all workers have mapped them; the memory stays as long as it is used."""
        self.world.wait()
        for file in self.files:
            os.close(file)

    def _wait(self) -> None:
        store, last, since = self.world.store, "", time.monotonic()
        while not store.check([self.key]):
            time.sleep(POLL_SECONDS)
            done = store.get(f"{self.key}/done").decode() if store.check([f"{self.key}/done"]) else ""
            if done != last:
                last, since = done, time.monotonic()
            if time.monotonic() - since > stall_seconds():
                first = self.world.rank - self.world.local_rank
                raise WorkerLost(f"Worker {first} has read no picture for {stall_seconds():.0f} s. Start all workers again with --resume.")

    def _new_file(self, name: str, size: int) -> str:
        file = os.memfd_create(f"alexnet-{name}")
        os.ftruncate(file, size)
        self.files.append(file)
        return f"/proc/{os.getpid()}/fd/{file}"

    @staticmethod
    def _mapped(path: str, shape: Sequence[int]) -> Tensor:
        return torch.from_file(path, shared=True, size=int(np.prod(shape)), dtype=torch.uint8).view(*shape)


def together(world: Workers, read: Callable[[SharedReading], tuple[Survey, Tensor | None]]) -> tuple[Survey, Tensor | None]:
    """The result of `read`, run by the first worker of each machine, on all workers; all must make these calls in the same order."""
    reading = SharedReading(world, next(_readings))
    if reading.first:
        survey, squares = read(reading)
        reading.publish(survey, squares)
    else:
        survey, squares = reading.receive()
    reading.close()
    return survey, squares


def packed(survey: Survey) -> bytes:
    """A survey as one .npz file without pickled objects."""
    out, prints = io.BytesIO(), survey.fingerprints
    texts = {"modes": survey.modes, "names": [skip.name for skip in survey.skipped]}
    texts |= {"class_names": [skip.class_name for skip in survey.skipped], "reasons": [skip.reason for skip in survey.skipped]}
    columns: dict[str, Any] = {name: _blob(column) for name, column in texts.items()}
    np.savez(out, digests=prints.digests, thumbnails=prints.thumbnails, readable=prints.readable, native=survey.native, **columns)
    return out.getvalue()


def unpacked(content: bytes) -> Survey:
    """The survey that `packed` wrote."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        prints = Fingerprints(file["digests"], file["thumbnails"], file["readable"])
        skipped = zip(_texts(file["names"]), _texts(file["class_names"]), _texts(file["reasons"]), strict=True)
        return Survey(prints, file["native"], tuple(_texts(file["modes"])), tuple(Skipped(*skip) for skip in skipped))


def _blob(texts: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer("".join(text + "\0" for text in texts).encode("utf-8", "surrogateescape"), np.uint8)


def _texts(blob: NDArray[np.uint8]) -> list[str]:
    return blob.tobytes().decode("utf-8", "surrogateescape").split("\0")[:-1]
