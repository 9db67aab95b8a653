"""The model of cost: its constants are the network's, its bytes those that were counted, its tables those of docs/scale.md."""

from pathlib import Path

import pytest

from alexnet.models.networks.shapes import trace
from alexnet.models.registry import find_architecture
from bench.cost import (
    CONV3_INPUTS,
    CONV_PARAMETERS,
    CORE_1G,
    FC6_INPUTS,
    FC_PARAMETERS,
    FC_SHARE,
    GPU_400G,
    LAYOUTS,
    WORKERS,
    Machine,
    speed_up,
    step_seconds,
    table,
)

SCALE = (Path(__file__).resolve().parents[1] / "docs" / "scale.md").read_text(encoding="utf-8")
COUNTED = {"data": 244.4, "towers": 29.5, "hybrid": 16.7}  # MB a step and worker, by the interface


def test_constants_are_the_networks() -> None:
    layers = trace(find_architecture("alexnet"), classes=1000, channels=3, image_size=224)
    full = [layer for layer in layers if layer.kind == "fully connected"]
    assert sum(layer.parameters for layer in full) == FC_PARAMETERS
    assert sum(layer.parameters for layer in layers) == CONV_PARAMETERS + FC_PARAMETERS
    assert sum(layer.macs for layer in full) / sum(layer.macs for layer in layers) == FC_SHARE
    outputs = [layer.output for layer in layers if len(layer.output) == 3]
    assert (256, 13, 13) in outputs
    assert CONV3_INPUTS == 256 * 13 * 13
    assert (256, 6, 6) in outputs
    assert FC6_INPUTS == 256 * 6 * 6


@pytest.mark.parametrize("layout", LAYOUTS)
def test_bytes_are_those_that_were_counted(layout: str) -> None:
    assert LAYOUTS[layout](CORE_1G, 2).bytes / 1e6 == pytest.approx(COUNTED[layout], rel=0.005)


@pytest.mark.parametrize("machine", [CORE_1G, GPU_400G], ids=lambda machine: machine.name)
def test_tables_are_those_of_the_page(machine: Machine) -> None:
    assert "\n".join(table(machine)) in SCALE


@pytest.mark.parametrize("layout", ["data", "hybrid"])
def test_one_worker_sends_nothing_and_more_are_never_more_than_linear(layout: str) -> None:
    assert LAYOUTS[layout](CORE_1G, 1).bytes == 0
    assert step_seconds(CORE_1G, layout, 1) == CORE_1G.work
    assert all(speed_up(CORE_1G, layout, workers) <= workers for workers in WORKERS)
