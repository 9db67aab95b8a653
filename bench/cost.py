"""A cost model of 90 epochs of ImageNet on 1 to 1,024 workers in each layout: the tables of docs/scale.md.

Every worker sees `batch` images per step. All traffic uses a ring: to sum x bytes over W workers each sends 2 (W-1)/W x; to gather or
scatter a tensor of x bytes in total, (W-1)/W x. Traffic overlaps with computation: the longer of the two counts.
`python -m bench.cost` prints the tables.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf

IMAGES, EPOCHS = 1_281_167, 90
CONV_PARAMETERS, FC_PARAMETERS = 2_334_080, 58_631_144
FC6_INPUTS, UNITS, CLASSES = 9_216, 4_096, 1_000
CONV3_INPUTS = 256 * 13 * 13  # the maps of both towers that conv3 sees
FC_SHARE = 58_621_952 / 724_406_816  # of the multiply-accumulates
FORWARD = 1 / 3  # of a step: one of three matrix products
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """One worker and its network link."""

    name: str
    images_per_second: float  # one worker alone
    bytes_per_second: float  # of its link, in each direction
    latency: float  # seconds per message
    handling: float  # seconds of the worker's own time per byte sent
    batch: int = 128
    activation_bytes: int = 2  # bf16
    gradient_bytes: int = 4

    @property
    def work(self) -> float:
        """Seconds of computation per step."""
        return self.batch / self.images_per_second


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """The bytes that one worker sends in a step, by the computation that they overlap with, and the number of sequential messages."""

    fc_forward: float = 0.0
    fc_backward: float = 0.0
    backward: float = 0.0
    nothing: float = 0.0  # without overlap
    messages: float = 0.0

    @property
    def bytes(self) -> float:
        """The total."""
        return self.fc_forward + self.fc_backward + self.backward + self.nothing


def data(machine: Machine, workers: int) -> Traffic:
    """All gradients are summed; those of the fully connected layers, nearly all, are ready when the backward pass begins."""
    share = (workers - 1) / workers
    return Traffic(
        backward=2 * share * (CONV_PARAMETERS + FC_PARAMETERS) * machine.gradient_bytes,
        messages=2.0 * (workers - 1),
    )


def hybrid(machine: Machine, workers: int) -> Traffic:
    """The whole batch's last maps go to every worker, and their gradients back; so do the units of fc7 and the scores."""
    share, whole_batch = (workers - 1) / workers, workers * machine.batch
    activations = share * whole_batch * (FC6_INPUTS + UNITS + CLASSES) * machine.activation_bytes
    gradients = 2 * share * CONV_PARAMETERS * machine.gradient_bytes
    return Traffic(fc_forward=activations, fc_backward=activations, backward=gradients, messages=8.0 * (workers - 1))


def towers(machine: Machine, workers: int) -> Traffic:
    """For two workers only: before conv3, fc6 and fc7 each sends its half for whole batches and receives gradients; scores are summed."""
    if workers != 2:
        return Traffic(nothing=0.0 if workers == 1 else inf)
    whole_batch = workers * machine.batch
    activations = 2 * whole_batch * (CONV3_INPUTS + FC6_INPUTS + UNITS) / 2
    return Traffic(nothing=(activations + whole_batch * CLASSES) * machine.activation_bytes, messages=7.0)


LAYOUTS: Mapping[str, Callable[[Machine, int], Traffic]] = {"data": data, "towers": towers, "hybrid": hybrid}


def step_seconds(machine: Machine, layout: str, workers: int) -> float:
    """Seconds per step: computation, the traffic that exceeds what it overlaps with, traffic without overlap, and handling of the bytes."""
    traffic, work, rate = LAYOUTS[layout](machine, workers), machine.work, machine.bytes_per_second
    fc_forward, fc_backward = FORWARD * FC_SHARE * work, (1 - FORWARD) * FC_SHARE * work
    backward = (1 - FORWARD) * work if layout == "data" else (1 - FORWARD) * (1 - FC_SHARE) * work
    hidden = [(fc_forward, traffic.fc_forward), (fc_backward, traffic.fc_backward), (backward, traffic.backward)]
    exposed = sum(max(0.0, sent / rate - computing) for computing, sent in hidden)
    waited = traffic.nothing / rate + traffic.messages * machine.latency
    return work + exposed + waited + machine.handling * traffic.bytes


def speed_up(machine: Machine, layout: str, workers: int) -> float:
    """Images per second as a multiple of one worker's."""
    return workers * machine.work / step_seconds(machine, layout, workers)


def hours(machine: Machine, layout: str, workers: int) -> float:
    """Hours for 90 epochs of ImageNet."""
    return EPOCHS * IMAGES / (workers * machine.batch) * step_seconds(machine, layout, workers) / 3600


def table(machine: Machine) -> list[str]:
    """Rows of Markdown: hours, and the speed-up over one worker, of each layout."""
    heading = [f"| {machine.name} | images per step | data | towers | hybrid |", "|---|---|---|---|---|"]
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


CORE_1G = Machine(name="one core, 1 Gbit/s", images_per_second=40.5, bytes_per_second=119e6, latency=1e-4, handling=1.1e-9)
GPU_400G = Machine(name="H100, 400 Gbit/s", images_per_second=25_000.0, bytes_per_second=45e9, latency=1e-5, handling=0.0)

if __name__ == "__main__":
    print("\n\n".join("\n".join(table(machine)) for machine in (CORE_1G, GPU_400G)))
