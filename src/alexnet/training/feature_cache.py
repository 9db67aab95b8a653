"""Features on disk, in half precision: looked up by content and settings, and resumed after an interruption.

A row is one image's vector. The file's name is a digest of everything that determines its numbers, so a changed setting or image leads to
another file; a small JSON file next to it records how many rows are complete.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from alexnet.errors import BadRun
from alexnet.i18n.units import data_size
from alexnet.storage.files import write_atomically, writing
from alexnet.storage.records import convert, read_json

Rows = NDArray[np.float16]
LARGEST = float(np.finfo(np.float16).max)
SAVED_EVERY = 1.0  # seconds: a killed process repeats what it has extracted since
MARGIN = 1 << 28  # bytes to leave free on the disk


def digest_of(settings: Mapping[str, Any], tensors: Mapping[str, Tensor], content: bytes) -> str:
    """A name for features: a digest of the settings, the fitted tensors, and the images' own digests (concatenated)."""
    state = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for name in sorted(tensors):
        state.update(name.encode() + str(tuple(tensors[name].shape)).encode() + tensors[name].cpu().contiguous().numpy().tobytes())
    state.update(content)
    return state.hexdigest()[:24]


class FeatureCache:
    """The features of `rows` images with `dimensions` numbers each, in `folder`, under the name `key`."""

    def __init__(self, folder: Path, key: str, *, rows: int, dimensions: int) -> None:
        self.data, self.progress = folder / f"{key}.f16", folder / f"{key}.json"
        self.rows, self.dimensions = rows, dimensions
        folder.mkdir(parents=True, exist_ok=True)
        self.done = self._whole_rows()

    @property
    def bytes(self) -> int:
        """Size of the whole file."""
        return 2 * self.rows * self.dimensions

    def _whole_rows(self) -> int:
        try:
            done = convert(int, read_json(self.progress).get("rows"))
            return done if self.data.stat().st_size == self.bytes and 0 <= done <= self.rows else 0
        except (OSError, ValueError):
            return 0

    def fill(self, vectors: Callable[[int], Iterator[NDArray[np.floating[Any]]]]) -> Rows:
        """All rows. Missing ones come from `vectors(first)`, which yields blocks of rows starting at row `first`.

        Raises BadRun if the disk has too little space.
        """
        if self.done < self.rows:
            self._make_room()
            file = np.memmap(self.data, np.float16, "r+", shape=(self.rows, self.dimensions))
            due = time.monotonic() + SAVED_EVERY
            try:
                for block in vectors(self.done):
                    file[self.done : self.done + len(block)] = block if block.dtype == np.float16 else np.clip(block, -LARGEST, LARGEST)
                    self.done += len(block)
                    if time.monotonic() >= due:
                        self._save(file)
                        due = time.monotonic() + SAVED_EVERY
            finally:
                self._save(file)
            assert self.done == self.rows, f"only {self.done} of {self.rows} rows were computed"
        return np.memmap(self.data, np.float16, "r", shape=(self.rows, self.dimensions))

    def _make_room(self) -> None:
        if self.data.exists() and self.data.stat().st_size == self.bytes:
            return
        free = shutil.disk_usage(self.data.parent).free
        if free < self.bytes + min(MARGIN, self.bytes // 4):
            raise BadRun(
                f"The features take {data_size(self.bytes, tenths=True)}, and {self.data.parent} has {data_size(free, tenths=True)} left. "
                "Choose an --out on a larger disk, or smaller features: --features.cells 1x1, or --features.gaussians 16."
            )
        with writing(self.data), self.data.open("wb") as file:
            if hasattr(os, "posix_fallocate") and self.bytes:
                os.posix_fallocate(file.fileno(), 0, self.bytes)  # now, since a mapped page that finds the disk full ends the process
            file.truncate(self.bytes)

    def _save(self, file: np.memmap[Any, np.dtype[np.float16]]) -> None:
        """Write the rows so far to the disk, and then that they are there."""
        file.flush()
        write_atomically(self.progress, json.dumps({"rows": self.done}))


def delete_features(folder: Path) -> None:
    """Delete all features of a run, which can be computed again."""
    shutil.rmtree(folder, ignore_errors=True)
