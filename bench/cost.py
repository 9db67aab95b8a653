"""What 90 epochs of ImageNet cost on 1 to 1,024 workers in each layout, as arithmetic: the tables of docs/scale.md.

Every worker sees `batch` pictures a step. A ring carries all traffic: to add up x bytes over W workers each sends 2 (W-1)/W x, to gather or
deal out a tensor of x bytes in all, (W-1)/W x. `python -m bench.cost` prints the tables.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf

PICTURES, EPOCHS = 1_281_167, 90
CONV_PARAMETERS, FC_PARAMETERS = 2_334_080, 58_631_144
FC6_INPUTS, UNITS, CLASSES = 9_216, 4_096, 1_000
CONV3_INPUTS = 2 * 128 * 13 * 13  # the maps of both towers that conv3 sees
BACKWARD = 2 / 3  # of a step: two products of three
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """One worker and its wire."""

    name: str
    pictures_per_second: float  # one worker alone
    bytes_per_second: float  # of its wire, each way
    latency: float  # seconds, of one message
    batch: int = 128
    activation_bytes: int = 2  # bf16
    gradient_bytes: int = 4

    @property
    def work(self) -> float:
        """Seconds of computing in a step."""
        return self.batch / self.pictures_per_second


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one worker sends in a step: bytes that may travel while it computes backwards, bytes that it waits for, and messages."""

    hidden: float
    waited: float
    messages: float

    @property
    def bytes(self) -> float:
        """All of them."""
        return self.hidden + self.waited


def data(machine: Machine, workers: int) -> Traffic:
    """All gradients are added; those of the fully connected layers, nearly all, are ready when the backward pass begins."""
    share = (workers - 1) / workers
    return Traffic(2 * share * (CONV_PARAMETERS + FC_PARAMETERS) * machine.gradient_bytes, 0.0, 2.0 * (workers - 1))


def hybrid(machine: Machine, workers: int) -> Traffic:
    """The whole batch's last maps go to every worker, and their gradients back; so do the units of fc7 and the scores."""
    share, whole_batch = (workers - 1) / workers, workers * machine.batch
    activations = 2 * share * whole_batch * (FC6_INPUTS + UNITS + CLASSES) * machine.activation_bytes
    return Traffic(2 * share * CONV_PARAMETERS * machine.gradient_bytes, activations, 8.0 * (workers - 1))


def towers(machine: Machine, workers: int) -> Traffic:
    """Two workers only: before conv3, fc6 and fc7 each sends its half for whole batches, and gradients come back; the scores are added."""
    if workers != 2:
        return Traffic(0.0, 0.0 if workers == 1 else inf, 0.0)
    whole_batch = workers * machine.batch
    activations = 2 * whole_batch * (CONV3_INPUTS + FC6_INPUTS + UNITS) / 2 * machine.activation_bytes
    return Traffic(0.0, activations + whole_batch * CLASSES * machine.activation_bytes, 7.0)


LAYOUTS: Mapping[str, Callable[[Machine, int], Traffic]] = {"data": data, "towers": towers, "hybrid": hybrid}


def step_seconds(machine: Machine, layout: str, workers: int) -> float:
    """Forward, then backward or the traffic that it hides, whichever is longer, then what is waited for."""
    traffic = LAYOUTS[layout](machine, workers)
    hidden = traffic.hidden / machine.bytes_per_second
    backward = BACKWARD * machine.work
    waited = traffic.waited / machine.bytes_per_second + traffic.messages * machine.latency
    return machine.work - backward + max(backward, hidden) + waited


def speed_up(machine: Machine, layout: str, workers: int) -> float:
    """How many times as many pictures a second as one worker alone."""
    return workers * machine.work / step_seconds(machine, layout, workers)


def hours(machine: Machine, layout: str, workers: int) -> float:
    """90 epochs of ImageNet."""
    return EPOCHS * PICTURES / (workers * machine.batch) * step_seconds(machine, layout, workers) / 3600


def table(machine: Machine) -> list[str]:
    """Rows of Markdown: hours, and the speed-up over one worker, of each layout."""
    heading = [f"| {machine.name} | pictures a step | data | towers | hybrid |", "|---|---|---|---|---|"]
    return heading + [_row(machine, workers) for workers in WORKERS]


def _row(machine: Machine, workers: int) -> str:
    cells = [_cell(machine, layout, workers) for layout in LAYOUTS]
    return f"| {workers:,} | {workers * machine.batch:,} | {' | '.join(cells)} |"


def _cell(machine: Machine, layout: str, workers: int) -> str:
    if layout == "towers" and workers != 2:
        return ""
    needed = hours(machine, layout, workers)
    time = f"{needed:,.1f} h" if needed >= 2 else f"{60 * needed:,.1f} min"
    return f"{time} ({speed_up(machine, layout, workers):.2f}x)"


CORE_1G = Machine(name="one core, 1 Gbit/s", pictures_per_second=36.0, bytes_per_second=117e6, latency=1e-4)
CARD_400G = Machine(name="H100, 400 Gbit/s", pictures_per_second=25_000.0, bytes_per_second=45e9, latency=1e-5)

if __name__ == "__main__":
    print("\n\n".join("\n".join(table(machine)) for machine in (CORE_1G, CARD_400G)))
