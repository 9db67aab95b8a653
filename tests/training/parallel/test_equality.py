"""Several workers train exactly what one process does, in every layout; and are seen to do so with dropout, which random numbers decide."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from tests.training.parallel.cases import ALEXNET, EXACT, OWT, SMALL, Case, Trained, alone, assert_same, difference, train
from tests.training.parallel.workers import together

from alexnet.models.networks.architecture import NetworkChoices
from alexnet.storage.tensors import read_tensors

LITE = Case(model="efficientnet-lite0", choices=NetworkChoices(width=1 / 8))
CASES = {
    "alexnet": ALEXNET,
    "adam": ALEXNET.training(optimizer="adam", learning_rate=1e-4),
    "averaged": ALEXNET.training(averaging=0.9, nesterov=True),
    "owt": OWT,
    "towers-silent": ALEXNET.network(towers_talk=False),
    "no-norm": ALEXNET.network(norm="none"),
    "strided": ALEXNET.network(pooling="strided-convolution"),
    "convolutions-dropped": ALEXNET.network(dropout_place="convolutions"),
    "before-fc": ALEXNET.network(dropout_place="before-fc"),
    "no-dropout": ALEXNET.network(dropout=0.0).training(label_smoothing=0.0, momentum=0.0),
    "no-hidden": ALEXNET.network(fully_connected=0),
    "one-hidden": ALEXNET.network(fully_connected=1),
    "three-hidden": ALEXNET.network(fully_connected=3),
    "owt-one-hidden": OWT.network(fully_connected=1),
    "owt-three-hidden": OWT.network(fully_connected=3),
    "conv-rate": ALEXNET.training(conv_learning_rate=2.0, fc_weight_decay=1e-3, lower_layers=0.5),
    "no-groups": Case(model="alexnet-one-tower", choices=replace(SMALL, norm="none")),
    "batch-norm": Case(model="alexnet-cifar-fast", choices=NetworkChoices(width=1 / 8)),
    "whitening-bias": Case(model="convnet-small", choices=NetworkChoices(width=1 / 8)),
    "weighed": ALEXNET.training(balance="loss"),
    "drawn": ALEXNET.training(balance="sampling"),
    "blocks": LITE.training(learning_rate=1e-6),  # with larger steps, rounding grows tenfold with each
    "fine-tuned": LITE.training(fixed_layers=3, norm_statistics="kept", rate_per_layer=0.85, lower_layers=0.5),
    "borrowed": Case(model="torchvision:resnet18").training(learning_rate=1e-6),
    "thin": ALEXNET.network(width=1 / 48, hidden_units=4128),  # one map of conv1 in each tower
}


@cache
def one_process(name: str, folder: Path) -> Trained:
    return alone(CASES[name], folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("equality")


SLOW = pytest.mark.slow  # many cases


@pytest.mark.parametrize(
    ("layout", "workers", "name"),
    [
        ("towers", 2, "averaged"),
        *(pytest.param("data", 2, name, marks=SLOW) for name in ("adam", "averaged", "convolutions-dropped")),
        pytest.param("towers", 2, "adam", marks=SLOW),
        *(pytest.param("data", workers, name, marks=SLOW) for workers, name in ((3, "owt"), (4, "alexnet"))),
        *(pytest.param("towers", 2, name, marks=SLOW) for name in ("alexnet", "towers-silent", "convolutions-dropped", "conv-rate")),
        *(pytest.param("towers", 2, name, marks=SLOW) for name in ("no-norm", "no-dropout", "no-hidden", "no-groups", "strided", "thin")),
        ("data", 3, "batch-norm"),
        ("data", 2, "weighed"),
        *(pytest.param("data", 2, name, marks=SLOW) for name in ("drawn", "blocks", "fine-tuned", "borrowed")),
        pytest.param("data", 2, "whitening-bias", marks=SLOW),
        pytest.param("hybrid", 2, "conv-rate", marks=SLOW),
        pytest.param("hybrid", 4, "owt-three-hidden", marks=SLOW),
        *(pytest.param("hybrid", 2, name, marks=SLOW) for name in ("alexnet", "owt", "one-hidden", "owt-three-hidden", "before-fc")),
        *(pytest.param("hybrid", 4, name, marks=SLOW) for name in ("alexnet", "owt", "three-hidden", "owt-one-hidden")),
    ],
)
def test_twenty_steps_are_those_of_one_process(layout: str, workers: int, name: str, folders: Path) -> None:
    one = one_process(name, folders / name)
    folder = folders / f"{name}-{layout}-{workers}"
    many = together(train, workers, CASES[name], layout, folder)
    assert one.step == 20
    assert len(one.losses) == len(many[0].losses) == 20
    assert_same(many, one)
    best = [read_tensors(place / "best.safetensors")[0] for place in (folders / name, folder)]
    assert difference(*best) < EXACT
