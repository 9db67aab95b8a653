"""The machine: processors, memory, and malloc's habits."""

import ctypes
import os
import platform
from contextlib import suppress
from pathlib import Path

import torch


def available_bytes() -> int:
    """Memory that can be used now: what the system calls available, or what the container's limit leaves, if that is less."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 8 << 30
        free = pages // 2
    try:
        group = Path("/sys/fs/cgroup")
        left = int((group / "memory.max").read_text()) - int((group / "memory.current").read_text())
    except (OSError, ValueError):  # no limit, or not such a system
        left = free
    return max(0, min(free, left))


M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # glibc's malloc.h


def keep_freed_memory() -> None:
    """Let malloc reuse freed memory instead of giving every large block back to the kernel.

    A training step frees and takes the same gigabyte each time; on Linux its page faults cost a fifth of the step
    (measured in docs/results.md). Elsewhere this does nothing. Peak memory is unchanged.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)


def forget_peak_memory() -> None:
    """Let `peak_memory` count from now on; where the system cannot, it counts from the start of the process."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # Linux: resets the high-water mark (proc(5))


def peak_memory() -> int | None:
    """The most bytes of memory that this process has held since `forget_peak_memory`; None where the system does not say."""
    with suppress(OSError), Path("/proc/self/status").open() as lines:
        for line in lines:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return None


def processor_name() -> str:
    """The card or processor that the figures of a report were measured on."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{_cpu_model()}, {torch.get_num_threads()} threads"


def _cpu_model() -> str:
    with suppress(OSError), Path("/proc/cpuinfo").open() as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
