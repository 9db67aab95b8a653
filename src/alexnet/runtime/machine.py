"""The machine: CPUs, memory, and how malloc returns it."""

import ctypes
import os
import platform
from contextlib import suppress
from pathlib import Path

from alexnet.runtime import control_groups


def available_cpus(groups: Path = control_groups.ROOT, membership: Path = control_groups.MEMBERSHIP) -> int:
    """CPUs that this process can use: those it may run on, or the whole ones in its control groups' quota, if fewer; at least 1.

    groups: where the control groups are mounted; membership: the file that lists this process's groups.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min(allowed, control_groups.cpu_limit(groups, membership))))


def available_bytes(groups: Path = control_groups.ROOT, membership: Path = control_groups.MEMBERSHIP) -> int:
    """Bytes of memory available now: what the system reports as available, or what the control groups' limits leave, if less."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 8 << 30
        free = pages // 2
    return max(0, int(min(free, control_groups.memory_left(groups, membership))))


M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # glibc's malloc.h


def keep_freed_memory() -> None:
    """Let malloc reuse freed memory instead of returning every large block to the kernel.

    A training step frees and allocates the same gigabyte each time; on Linux the page faults cost a fifth of the step
    (measured in docs/results.md). Elsewhere this does nothing. Peak memory is unchanged.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)


def release_freed_memory() -> None:
    """Return to the kernel what malloc holds and nobody uses, in the middle of the heap too; elsewhere than on glibc this does nothing.

    For the end of a piece of work whose memory the next one does not need, where `keep_freed_memory` is set.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def forget_peak_memory() -> None:
    """Restart `peak_memory` from now; where the system cannot, it keeps counting from the start of the process."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # Linux: resets the high-water mark (proc(5))


def peak_memory() -> int | None:
    """The most bytes of memory that this process has used since `forget_peak_memory`; None where the system does not report it."""
    with suppress(OSError), Path("/proc/self/status").open() as lines:
        for line in lines:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return None


def cpu_model() -> str:
    """The model of this machine's CPU."""
    with suppress(OSError), Path("/proc/cpuinfo").open() as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
