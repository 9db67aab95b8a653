"""A network inside one Linux machine: each worker in its own namespace, a switch between them, links of a chosen rate. Needs root.

Every worker's namespace has one interface, WIRE, whose other end is a port of the switch. `tc tbf` limits what both ends of each such cable
send, so a worker can send and receive at the rate, both at once, as with a real network interface.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "alexnet-bench-"  # of every namespace that this module creates and removes
SWITCH = f"{PREFIX}switch"
WIRE = "wire"
SUBNET = "10.87.0.0/24"
CONGESTION = "cubic"  # Linux's default, whatever this machine is set to
SHORTEST_BURST, BURST_SECONDS = 128 << 10, 0.002  # bytes; what the shaper passes at once: with less, the rate is not reached
QUEUE_SECONDS = 0.02  # a packet that would wait longer is dropped


class NoNetwork(Exception):
    """The network cannot be created here; the message contains the reason."""


def address(rank: int) -> str:
    """The address of a worker."""
    return f"10.87.0.{rank + 1}"


def namespace(rank: int) -> str:
    """The name of a worker's namespace."""
    return f"{PREFIX}{rank}"


def shaper(gbits: float) -> list[str]:
    """The arguments of `tc qdisc add dev ... root` for a link of `gbits` Gbit/s."""
    bytes_per_second = gbits * 1e9 / 8
    burst = max(SHORTEST_BURST, round(min(bytes_per_second, 125e6) * BURST_SECONDS))
    return f"tbf rate {gbits * 1000:.0f}mbit burst {burst} latency {QUEUE_SECONDS * 1000:.0f}ms".split()


def check_possible() -> None:
    """Raise NoNetwork if namespaces cannot be created."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        raise NoNetwork("Network namespaces need Linux and root.")
    missing = [tool for tool in ("ip", "tc") if shutil.which(tool) is None]
    if missing:
        raise NoNetwork(f"{' and '.join(missing)} not found; on Debian: apt-get install -y iproute2")


@contextmanager
def only_one() -> Iterator[None]:
    """Hold a lock, because two programs at once would remove each other's namespaces; raises NoNetwork for the second."""
    import fcntl  # not on Windows, which `check_possible` has excluded

    with (Path(tempfile.gettempdir()) / f"{PREFIX}lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise NoNetwork("Another benchmark is using its namespaces on this machine. Wait until it has finished.") from None
        yield


@contextmanager
def network(workers: int) -> Iterator[None]:
    """Create namespaces 0 to `workers` - 1, joined by a switch, and remove them at the end of the block."""
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
    """Limit every link in both directions (None: no limit); connections are kept."""
    for rank in range(workers):
        for name, device in ((namespace(rank), WIRE), (SWITCH, _port(rank))):
            if gbits is not None:
                _inside(name, "tc", "qdisc", "replace", "dev", device, "root", *shaper(gbits))
            elif " tbf " in _inside(name, "tc", "qdisc", "show", "dev", device):
                _inside(name, "tc", "qdisc", "delete", "dev", device, "root")


def start(rank: int, command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    """Start a process in a worker's namespace, with its output in a pipe; Ctrl-C does not reach it."""
    inside = ["ip", "netns", "exec", namespace(rank), *command]
    return subprocess.Popen(
        inside, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, start_new_session=True
    )


def remove() -> None:
    """Remove every namespace of ours and kill the processes in it, including those left behind by a run that was killed."""
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
