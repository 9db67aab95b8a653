"""What control groups leave, read from made-up trees: both versions, nested, and as containers see them."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.runtime.control_groups import cpu_limit, memory_left
from alexnet.runtime.machine import available_bytes, available_cpus

MEGABYTE = 1 << 20
NO_LIMIT = str((1 << 63) - 4096)  # version 1 says this where there is none


def tree(folder: Path, membership: str, files: Mapping[str, str]) -> tuple[Path, Path]:
    """The root of a tree with these files, and the file that names this process's groups."""
    root, own = folder / "cgroup", folder / "membership"
    root.mkdir(parents=True)
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content + "\n")
    own.write_text(membership)
    return root, own


V1 = "4:memory:/docker/a\n3:cpu,cpuacct:/docker/a\n1:name=systemd:/docker/a\n"
QUOTA, PERIOD = "cpu.cfs_quota_us", "cpu.cfs_period_us"


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000"}, float("inf")),
        ("0::/a/b\n", {"cpu.max": "max 100000", "a/cpu.max": "100000 50000", "a/b/cpu.max": "max 100000"}, 2.0),
        ("0::/a/b\n", {"a/cpu.max": "400000 100000", "a/b/cpu.max": "300000 100000", "a/c/cpu.max": "1 100000"}, 3.0),
        ("0::/outside/the/container\n", {"cpu.max": "50000 100000"}, 0.5),
        ("0::/../..\n", {"cpu.max": "70000 100000"}, 0.7),
        (V1, {f"cpu,cpuacct/docker/a/{QUOTA}": "250000", f"cpu,cpuacct/docker/a/{PERIOD}": "100000"}, 2.5),
        (V1, {f"cpu/{QUOTA}": "250000", f"cpu/{PERIOD}": "50000"}, 5.0),
        (V1, {f"cpu/docker/{QUOTA}": "90000", f"cpu/docker/{PERIOD}": "100000", f"cpu/docker/a/{QUOTA}": "-1"}, 0.9),
        (V1, {f"cpu/docker/a/{QUOTA}": "-1", f"cpu/docker/a/{PERIOD}": "100000"}, float("inf")),
        (V1 + "0::/x\n", {"unified/x/cpu.max": "100000 100000", f"cpu/{QUOTA}": "200000", f"cpu/{PERIOD}": "100000"}, 1.0),
        ("0::/\n", {"cpu.max": "gibberish"}, float("inf")),
        ("0::/\n", {"cpu.max": "100000 0"}, float("inf")),
        ("no line of this kind\n", {"cpu.max": "100000 100000"}, float("inf")),
        ("", {}, float("inf")),
    ],
)
def test_the_tightest_quota_around_this_process_counts(membership: str, files: Mapping[str, str], expected: float, tmp_path: Path) -> None:
    groups = tree(tmp_path, membership, files)
    assert cpu_limit(*groups) == expected
    assert available_cpus(*groups) == max(1, int(min(expected, len(os.sched_getaffinity(0)))))


def test_affinity_counts_where_it_allows_less(tmp_path: Path) -> None:
    groups = tree(tmp_path, "0::/\n", {"cpu.max": "6400000 100000"})
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert available_cpus(*groups) == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"memory.max": str(9 * MEGABYTE), "memory.current": str(2 * MEGABYTE)}, 7 * MEGABYTE),
        ("0::/\n", {"memory.max": "max", "memory.current": "1"}, None),
        (
            "0::/a/b\n",
            {
                "a/memory.max": str(9 * MEGABYTE), "a/memory.current": str(8 * MEGABYTE),
                "a/b/memory.max": str(5 * MEGABYTE), "a/b/memory.current": str(1 * MEGABYTE),
            },
            MEGABYTE,
        ),
        (
            "0::/\n",
            {
                "memory.max": str(9 * MEGABYTE), "memory.current": str(8 * MEGABYTE),
                "memory.stat": f"anon 17\ninactive_file {3 * MEGABYTE}\nactive_file 5",
            },
            4 * MEGABYTE,
        ),
        ("0::/\n", {"memory.max": str(MEGABYTE), "memory.current": str(3 * MEGABYTE)}, 0),
        (V1, {"memory/docker/a/memory.limit_in_bytes": NO_LIMIT, "memory/docker/a/memory.usage_in_bytes": "7"}, None),
        (
            V1,
            {
                "memory/docker/memory.limit_in_bytes": str(5 * MEGABYTE), "memory/docker/memory.usage_in_bytes": str(4 * MEGABYTE),
                "memory/docker/memory.stat": f"inactive_file 1\ntotal_inactive_file {MEGABYTE}",
                "memory/docker/a/memory.limit_in_bytes": NO_LIMIT, "memory/docker/a/memory.usage_in_bytes": "7",
            },
            2 * MEGABYTE,
        ),
    ],
)  # fmt: skip
def test_the_least_memory_left_around_this_process_counts(
    membership: str, files: Mapping[str, str], expected: int | None, tmp_path: Path
) -> None:
    groups = tree(tmp_path, membership, files)
    if expected is not None:
        assert memory_left(*groups) == available_bytes(*groups) == expected
    else:
        unlimited = tree(tmp_path / "none", "", {})
        assert memory_left(*groups) > 1 << 60
        assert available_bytes(*groups) == pytest.approx(available_bytes(*unlimited), rel=0.5)  # of a machine at work


@given(st.lists(st.integers(1, 64), min_size=1, max_size=4))
def test_any_nesting_has_the_least_of_its_quotas(tmp_path_factory: pytest.TempPathFactory, cpus: list[int]) -> None:
    places = ["/".join("abcd"[:depth]) for depth in range(1, len(cpus) + 1)]
    files = {f"{place}/cpu.max": f"{count * 100_000} 100000" for place, count in zip(places, cpus, strict=True)}
    assert cpu_limit(*tree(tmp_path_factory.mktemp("groups"), f"0::/{places[-1]}\n", files)) == min(cpus)


def test_this_machines_own_groups_can_be_read() -> None:
    assert 1 <= available_cpus() <= len(os.sched_getaffinity(0))
    assert available_bytes() > 0
