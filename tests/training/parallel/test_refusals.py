"""What a layout cannot spread is refused with the reason and what to do, before anything is computed."""

from typing import Any

import pytest
import torch

from alexnet.errors import AlexNetError, BadModel, BadRecipe
from alexnet.models.networks.alexnet import ALEXNET_2012, ALEXNET_ONE_TOWER, ALEXNET_OWT
from alexnet.models.networks.architecture import Architecture, NetworkChoices, vary
from alexnet.models.networks.network import Network
from alexnet.models.registry import ARCHITECTURES
from alexnet.runtime.distributed import ALONE, Workers
from alexnet.training.config import TrainingConfig
from alexnet.training.parallel.registry import check_layout, choose_layout

TWO, THREE, FOUR = (Workers(rank=0, size=size) for size in (2, 3, 4))
MADE_FOR_ONE = "which reads across the towers. Set it to within-towers or none, or use --layout data."


def network(architecture: Architecture, **choices: Any) -> Network:
    varied = vary(architecture, NetworkChoices(**choices))
    with torch.device("meta"):
        return Network(varied, classes=10, channels=3, image_size=varied.image_size)


@pytest.mark.parametrize(
    ("layout", "model", "choices", "training", "world", "error", "words"),
    [
        (
            "towers",
            ALEXNET_2012,
            {},
            {},
            THREE,
            BadModel,
            "Layout towers needs one worker for each of the two towers, and 3 were started. Start two with torchrun --nproc-per-node 2 ...",
        ),
        (
            "towers",
            ALEXNET_OWT,
            {},
            {},
            TWO,
            BadModel,
            "alexnet-owt has 1 tower; layout towers needs two, as alexnet has. Use --layout data or hybrid.",
        ),
        ("towers", ALEXNET_ONE_TOWER, {}, {}, TWO, BadModel, f"network.norm is 'across-towers', {MADE_FOR_ONE}"),
        ("towers", ALEXNET_2012, {"towers": 1}, {}, TWO, BadModel, "alexnet has 1 tower; layout towers needs two"),
        ("towers", ALEXNET_2012, {"norm": "across-towers"}, {}, TWO, BadModel, f"network.norm is 'across-towers', {MADE_FOR_ONE}"),
        (
            "towers",
            ALEXNET_2012,
            {"hidden_units": 4095},
            {},
            TWO,
            BadModel,
            "fc6 has an odd number of units, which two towers cannot share. Choose another network.hidden_units.",
        ),
        (
            "towers",
            ALEXNET_2012,
            {},
            {"optimizer": "muon"},
            TWO,
            BadModel,
            "training.optimizer is 'muon', which needs whole matrices; layout towers halves them. Use sgd, or --layout data.",
        ),
        (
            "hybrid",
            ALEXNET_2012,
            {},
            {},
            THREE,
            BadModel,
            "fc6 has 4,096 units, which 3 workers cannot share equally. Choose a number of workers that divides it, "
            "another network.hidden_units, or --layout data.",
        ),
        ("hybrid", ALEXNET_OWT, {"hidden_units": 4098}, {}, FOUR, BadModel, "fc6 has 4,098 units, which 4 workers cannot share equally."),
        (
            "hybrid",
            ALEXNET_2012,
            {"fully_connected": 0},
            {},
            TWO,
            BadModel,
            "Layout hybrid divides the fully connected layers behind convolutions; alexnet has too few layers for it.",
        ),
        (
            "hybrid",
            ARCHITECTURES["mlp"],
            {},
            {},
            TWO,
            BadModel,
            "Layout hybrid divides the fully connected layers behind convolutions; mlp",
        ),
        (
            "hybrid",
            ALEXNET_2012,
            {},
            {"averaging": 0.9},
            TWO,
            BadRecipe,
            "training.averaging is 0.9; layout hybrid cannot average weights. Set it to 0, or use --layout data.",
        ),
    ],
)
def test_what_cannot_be_spread(
    layout: str,
    model: Architecture,
    choices: dict[str, Any],
    training: dict[str, Any],
    world: Workers,
    error: type[AlexNetError],
    words: str,
) -> None:
    with pytest.raises(error) as refusal:
        check_layout(layout, network(model, **choices), world, TrainingConfig(**training))
    assert str(refusal.value).startswith(words)


def test_local_layers_are_not_divided_into_towers() -> None:
    local = next(table for table in ARCHITECTURES.values() if not all(conv.shared for conv in table.convs))
    with pytest.raises(BadModel, match=r"has 1 tower; layout towers needs two|has local layers, which layout towers does not divide"):
        check_layout("towers", network(local), TWO, TrainingConfig())


@pytest.mark.parametrize(
    ("layout", "model", "choices", "world"),
    [
        ("towers", ALEXNET_2012, {}, TWO),
        ("towers", ALEXNET_2012, {"norm": "none", "towers_talk": False, "fully_connected": 0}, TWO),
        ("hybrid", ALEXNET_2012, {}, Workers(rank=0, size=8)),
        ("hybrid", ALEXNET_OWT, {"fully_connected": 1, "hidden_units": 99}, THREE),
        ("data", ALEXNET_OWT, {"hidden_units": 7}, THREE),
        ("data", ARCHITECTURES["mlp"], {}, FOUR),
    ],
)
def test_what_can_be_spread(layout: str, model: Architecture, choices: dict[str, Any], world: Workers) -> None:
    check_layout(layout, network(model, **choices), world, TrainingConfig())


def test_one_worker_needs_no_layout() -> None:
    assert choose_layout(None, ALONE) == "alone"
    check_layout("alone", network(ALEXNET_ONE_TOWER), ALONE, TrainingConfig(averaging=0.9))


def test_several_workers_share_the_images_if_nothing_is_said() -> None:
    assert choose_layout(None, THREE) == "data"
    assert choose_layout("hybrid", THREE) == "hybrid"


@pytest.mark.parametrize("world", [ALONE, TWO])
def test_an_unknown_layout_gets_the_nearest_name(world: Workers) -> None:
    with pytest.raises(AlexNetError) as refusal:
        choose_layout("tower", world)
    assert str(refusal.value) == "No layout is called 'tower'. Did you mean 'towers'? Known: data, hybrid, towers."


def test_a_layout_needs_torchrun() -> None:
    with pytest.raises(AlexNetError) as refusal:
        choose_layout("towers", ALONE)
    assert str(refusal.value) == (
        "Layout towers needs several workers, and this is a single process. Start them with "
        "torchrun --nproc-per-node 2 -m alexnet train DATA --layout towers ..., or leave --layout out."
    )
