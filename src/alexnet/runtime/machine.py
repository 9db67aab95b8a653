"""The machine: CPUs, memory, and malloc's habits."""

import ctypes
import os
import platform
from contextlib import suppress
from pathlib import Path

import torch

from alexnet.runtime import control_groups


def available_cpus(groups: Path = control_groups.ROOT, membership: Path = control_groups.MEMBERSHIP) -> int:
    """CPUs that this process can keep busy: those it may run on, or the whole ones in its control groups' quota, if fewer; 1 at least.

    groups: where the control groups are mounted; membership: the file that names this process's own.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min(allowed, control_groups.cpu_limit(groups, membership))))


def available_bytes(groups: Path = control_groups.ROOT, membership: Path = control_groups.MEMBERSHIP) -> int:
    """Memory that can be used now: what the system calls available, or what its control groups' limits leave, if that is less."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 8 << 30
        free = pages // 2
    return max(0, int(min(free, control_groups.memory_left(groups, membership))))


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


def device_name(device: torch.device) -> str:
    """The GPU or CPU that figures were measured on."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_cpu_model()}, {torch.get_num_threads()} threads"


def _cpu_model() -> str:
    with suppress(OSError), Path("/proc/cpuinfo").open() as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
