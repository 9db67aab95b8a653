"""Interleaved timing, and the form of a result. Independent of networks."""

import ctypes
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4  # glibc's malloc.h
DEFAULT_MAPS, LARGEST_THRESHOLD = 65_536, 32 << 20  # where glibc's own adjustment ends


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of bench.json: ratio, ours over other; must, the least ratio required; goal, the ratio aimed at."""

    ratio: float
    ours: float
    other: float
    unit: str
    must: float
    goal: float | None


def interleaved(variants: Mapping[str, Callable[[], object]], *, rounds: int, warm_rounds: int = 1) -> dict[str, float]:
    """Median seconds of each variant; every round runs all of them in turn, so a slow phase of the machine affects all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(warm_rounds + rounds):
        for name, run in variants.items():
            started = time.perf_counter()
            run()
            if turn >= warm_rounds:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(times) for name, times in seconds.items()}


@contextmanager
def usual_memory() -> Iterator[None]:
    """The allocator's default settings, as in a plain PyTorch program: large blocks return to the kernel when they are freed."""
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(M_MMAP_MAX, DEFAULT_MAPS)
    libc.mallopt(M_MMAP_THRESHOLD, LARGEST_THRESHOLD)
    libc.mallopt(M_TRIM_THRESHOLD, 2 * LARGEST_THRESHOLD)
    yield
