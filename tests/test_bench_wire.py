"""The arithmetic of bench/wire.py, and its network where this machine can make one."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from alexnet.storage.files import locked
from bench.namespaces import NoNetwork, address, check_possible, limit, namespace, network, only_one, shaper
from bench.wire import Result, added_seconds, main, musts, table
from bench.wire_worker import traffic

COUNTERS = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     700       7    0    0    0     0          0         0      700       7    0    0    0     0       0          0
  wire:  123456     100    0    0    0     0          0         0   654321      90    0    0    0     0       0          0
"""


def result(layout: str, gbits: float | None, steps: list[list[float]], sent: int = 0) -> Result:
    measured = [[{"seconds": seconds, "sent": sent, "peak_memory": 7} for seconds in step] for step in steps]
    return Result(layout=layout, workers=len(steps[0]), gbits=gbits, batch=100, steps=measured)


def results(hybrid_sent: int, hybrid_seconds: float) -> list[Result]:
    return [
        result("alone", None, [[1.0, 1.0]]),
        result("data", None, [[1.5, 1.5]], 600),
        result("hybrid", None, [[1.25, 1.0]], hybrid_sent),
        result("data", 1.0, [[3.5, 3.5]], 600),
        result("hybrid", 1.0, [[1.5, hybrid_seconds]], hybrid_sent),
    ]


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_step_lasts_as_long_as_its_slowest_worker() -> None:
    measured = result("data", None, [[1.0, 3.0], [5.0, 1.0], [2.0, 1.0]], sent=10)
    assert measured.each_seconds == [3.0, 5.0, 2.0]
    assert measured.seconds == 3.0
    assert (measured.sent, measured.peak_memory) == (10, 7)
    assert measured.images_per_second == pytest.approx(200 / 3)


def test_bytes_sent_and_received_are_read_from_the_interface_alone() -> None:
    assert traffic(COUNTERS) == (654_321, 123_456)


@pytest.mark.parametrize(
    ("gbits", "words"),
    [
        (0.1, "tbf rate 100mbit burst 131072 latency 20ms"),
        (1.0, "tbf rate 1000mbit burst 250000 latency 20ms"),
        (10.0, "tbf rate 10000mbit burst 250000 latency 20ms"),
    ],
)
def test_shaper(gbits: float, words: str) -> None:
    assert " ".join(shaper(gbits)) == words


def test_what_the_wire_adds_is_the_difference_to_a_network_without_a_limit() -> None:
    measured = results(100, 1.75)
    assert [added_seconds(each, measured) for each in measured] == [None, None, None, 2.0, 0.5]
    assert added_seconds(measured[-1], measured[-1:]) is None


def test_differences_are_taken_within_a_turn() -> None:
    unlimited = result("data", None, [[1.0], [9.0], [2.0]])  # a slow moment in the second turn
    limited = result("data", 1.0, [[1.5], [9.5], [12.0]])  # and one in the third
    assert added_seconds(limited, [unlimited, limited]) == 0.5


@pytest.mark.parametrize(("sent", "seconds", "held"), [(100, 1.75, [True, True]), (101, 1.75, [False, True]), (90, 1.76, [True, False])])
def test_musts(sent: int, seconds: float, held: list[bool]) -> None:
    assert [each for _, each in musts(results(sent, seconds))] == held


def test_no_musts_without_both_layouts() -> None:
    assert musts(results(1, 1.0)[:4]) == []


def test_table() -> None:
    lines = table(results(100_000_000, 1.75)).splitlines()
    assert lines[-1] == "| hybrid | 2 | 1 Gbit/s | 100.0 | 0.80 | 1.75 | 0.50 | 114.3 | 1.14 | 1.95 |"
    assert lines[2] == "| alone | 2 | no limit | 0.0 |  | 1.00 |  | 200.0 |  |  |"


def test_missing_tools_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0, raising=False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert main([]) == 2
    assert "ip and tc not found; on Debian: apt-get install -y iproute2" in capsys.readouterr().err


def test_only_root_makes_networks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000, raising=False)
    assert main([]) == 2
    assert "root" in capsys.readouterr().err


@pytest.fixture
def no_other(session_folder: Path) -> Iterator[None]:
    """No test in another process makes namespaces meanwhile."""
    with locked(session_folder / "namespaces"):
        yield


@pytest.mark.usefixtures("no_other")
def test_a_network_is_limited_and_leaves_nothing_behind() -> None:
    try:
        check_possible()
        with only_one(), network(2):
            limit(2, 1.0)
            assert "rate 1Gbit burst 250000b" in output("ip", "netns", "exec", namespace(1), "tc", "qdisc", "show")
            assert address(1) in output("ip", "netns", "exec", namespace(1), "ip", "address")
            limit(2, None)
            assert "tbf" not in output("ip", "netns", "exec", namespace(1), "tc", "qdisc", "show")
    except NoNetwork as problem:
        pytest.skip(str(problem))
    assert namespace(1) not in output("ip", "netns", "list")


@pytest.mark.usefixtures("no_other")
def test_two_at_once_are_one_too_many() -> None:
    try:
        check_possible()
        with only_one(), pytest.raises(NoNetwork, match="Wait until it has finished"), only_one():
            pass
    except NoNetwork as problem:  # also where a measurement is running now
        pytest.skip(str(problem))
