"""A network inside one Linux machine: workers in namespaces of their own, a switch between them, links of a chosen rate. Needs root.

Every worker's namespace has one interface, WIRE, whose other end is a port of the switch. `tc tbf` limits both ends of each such cable to
what they send, so a worker sends and receives at most at the rate, both at once, as a network card does.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "alexnet-bench-"  # of every namespace that is made and removed here
SWITCH = f"{PREFIX}switch"
WIRE = "wire"
SUBNET = "10.87.0.0/24"
CONGESTION = "cubic"  # Linux's own default, whatever this machine has been set to
SHORTEST_BURST, BURST_SECONDS = 128 << 10, 0.002  # bytes; the shaper lets so much pass at once: less does not reach the rate
QUEUE_SECONDS = 0.02  # a packet that would wait longer than this is dropped


class NoNetwork(Exception):
    """The network cannot be made here; the message says what is missing."""


def address(rank: int) -> str:
    """The address of a worker."""
    return f"10.87.0.{rank + 1}"


def namespace(rank: int) -> str:
    """The name of a worker's namespace."""
    return f"{PREFIX}{rank}"


def shaper(gbits: float) -> list[str]:
    """What `tc qdisc add dev ... root` takes for a link of so many Gbit/s."""
    bytes_per_second = gbits * 1e9 / 8
    burst = max(SHORTEST_BURST, round(min(bytes_per_second, 125e6) * BURST_SECONDS))
    return f"tbf rate {gbits * 1000:.0f}mbit burst {burst} latency {QUEUE_SECONDS * 1000:.0f}ms".split()


def check_possible() -> None:
    """Raise NoNetwork where namespaces cannot be made."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        raise NoNetwork("Network namespaces need Linux and root.")
    missing = [tool for tool in ("ip", "tc") if shutil.which(tool) is None]
    if missing:
        raise NoNetwork(f"{' and '.join(missing)} not found; on Debian: apt-get install -y iproute2")


@contextmanager
def only_one() -> Iterator[None]:
    """Two at once would remove each other's namespaces: raises NoNetwork for the second."""
    import fcntl  # not on Windows, which does not come here

    with (Path(tempfile.gettempdir()) / f"{PREFIX}lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise NoNetwork("Another program has made its namespaces on this machine; wait for its end.") from None
        yield


@contextmanager
def network(workers: int) -> Iterator[None]:
    """Namespaces 0 to `workers` - 1, joined by a switch, until the end of the block."""
    remove()
    try:
        _make("ip", "netns", "add", SWITCH)
        _inside(SWITCH, "ip", "link", "add", "switch", "type", "bridge")
        _inside(SWITCH, "ip", "link", "set", "switch", "up")
        for rank in range(workers):
            _plug_in(rank)
        yield
    finally:
        remove()


def limit(workers: int, gbits: float | None) -> None:
    """Limit every link in both directions (None: as fast as the machine can); connections stay."""
    for rank in range(workers):
        for name, device in ((namespace(rank), WIRE), (SWITCH, _port(rank))):
            if gbits is not None:
                _inside(name, "tc", "qdisc", "replace", "dev", device, "root", *shaper(gbits))
            elif " tbf " in _inside(name, "tc", "qdisc", "show", "dev", device):
                _inside(name, "tc", "qdisc", "delete", "dev", device, "root")


def start(rank: int, command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    """A process in a worker's namespace, its output in a pipe; Ctrl-C does not reach it."""
    inside = ["ip", "netns", "exec", namespace(rank), *command]
    return subprocess.Popen(
        inside, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, start_new_session=True
    )


def remove() -> None:
    """Remove every namespace of ours and end what runs in it, also what an earlier run left behind when it was killed."""
    for name in _ours():
        for process in _make("ip", "netns", "pids", name).split():
            with suppress(ProcessLookupError):
                os.kill(int(process), signal.SIGKILL)
        _make("ip", "netns", "delete", name)


def _ours() -> list[str]:
    names = (line.split()[0] for line in _make("ip", "netns", "list").splitlines() if line)
    return [name for name in names if name.startswith(PREFIX)]


def _port(rank: int) -> str:
    return f"port{rank}"


def _plug_in(rank: int) -> None:
    worker, port = namespace(rank), _port(rank)
    _make("ip", "netns", "add", worker)
    _make("ip", "link", "add", WIRE, "netns", worker, "type", "veth", "peer", "name", port, "netns", SWITCH)
    _inside(SWITCH, "ip", "link", "set", port, "master", "switch", "up")
    _inside(worker, "ip", "address", "add", f"{address(rank)}/24", "dev", WIRE)
    for device in ("lo", WIRE):
        _inside(worker, "ip", "link", "set", device, "up")
    _inside(worker, "ip", "route", "replace", SUBNET, "dev", WIRE, "src", address(rank), "congctl", CONGESTION)


def _inside(name: str, *command: str) -> str:
    return _make("ip", "netns", "exec", name, *command)


def _make(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoNetwork(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return done.stdout
