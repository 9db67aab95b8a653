"""The CPU time and memory that Linux control groups, and so containers, leave to this process. Independent of what runs.

A group's limits hold for all groups in it, so the tightest among a group and its ancestors counts. Version 2 has one tree; version 1 has
one for each controller, such as `cpu,cpuacct` and `memory`, and may mount version 2's next to them as `unified`. A container often sees
its own group as the root of the tree, while /proc/self/cgroup still shows the path outside: folders that do not exist are skipped. On
systems other than Linux nothing is limited.
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")  # lines of ID:CONTROLLERS:PATH; 0::PATH is version 2's


def cpu_limit(root: Path = ROOT, membership: Path = MEMBERSHIP) -> float:
    """The number of CPUs, possibly fractional, that the groups allow; inf without a quota. root: where control groups are mounted."""
    shares = [_share(_words(group / "cpu.max")) for group in _ancestors("", root, membership)]
    older = [
        _share(_words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us")) for group in _ancestors("cpu", root, membership)
    ]
    return min(shares + older, default=math.inf)


def memory_left(root: Path = ROOT, membership: Path = MEMBERSHIP) -> float:
    """Bytes that the groups' limits leave; inf without a limit. Cached file contents count as free: the kernel evicts them on demand."""
    left = [_left(group, "memory.max", "memory.current", "inactive_file") for group in _ancestors("", root, membership)]
    older = [
        _left(group, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        for group in _ancestors("memory", root, membership)
    ]
    return min(left + older, default=math.inf)


def _ancestors(controller: str, root: Path, membership: Path) -> Iterator[Path]:
    """The folder of this process's group for a controller ("" is version 2), then those of its ancestors, up to the root."""
    for line in _text(membership).splitlines():
        fields = line.split(":", 2)
        if len(fields) < 3 or controller not in fields[1].split(","):
            continue
        controllers, path = fields[1:]
        trees = (root / controllers, root / controller) if controller else (root, root / "unified")
        names = [name for name in path.split("/") if name not in ("", ".", "..")]
        for tree in dict.fromkeys(trees):
            yield from (tree.joinpath(*names[:depth]) for depth in range(len(names), -1, -1))


def _share(words: list[str]) -> float:
    """CPUs of a quota and its period in microseconds (["200000", "100000"] is 2 CPUs); "max" and -1 mean no quota."""
    with suppress(ValueError):
        quota, period = map(int, words)
        if quota > 0 and period > 0:
            return quota / period
    return math.inf


def _left(group: Path, limit: str, usage: str, cached: str) -> float:
    with suppress(ValueError):
        of_limit, of_usage = int(_text(group / limit)), int(_text(group / usage))
        words = _words(group / "memory.stat")
        statistics = dict(zip(words[::2], words[1::2], strict=False))
        return max(0, of_limit - max(0, of_usage - int(statistics.get(cached, 0))))
    return math.inf


def _words(path: Path) -> list[str]:
    return _text(path).split()


def _text(path: Path) -> str:
    """The file's text; "" if it does not exist or cannot be read."""
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text()
    return ""
