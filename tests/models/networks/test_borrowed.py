"""Networks of other libraries: what is asked of a library, what is refused, and their layers as rows."""

import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from alexnet.errors import BadModel, BadWeights, ImageSizeTooSmall
from alexnet.models.networks.architecture import NetworkChoices, vary
from alexnet.models.networks.borrowed.from_timm import Timm
from alexnet.models.networks.borrowed.registry import SOURCES, borrowed_architecture, is_borrowed, settings_of
from alexnet.models.networks.borrowed.weights import published, renamed
from alexnet.models.networks.network import Network, count_parameters
from alexnet.models.networks.shapes import trace
from alexnet.models.registry import check_known, find_architecture
from alexnet.recipes.borrowed import pixel_range_of


class Tiny(nn.Module):
    """Two convolutions, a mean, scores; `pretrained_cfg` as timm's networks have it."""

    def __init__(self, classifier: object = "head.fc") -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2, 1)
        self.body = nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 3, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.ModuleDict({"fc": nn.Linear(6, 1000)})
        self.pretrained_cfg = {"classifier": classifier}

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.head["fc"](self.body(self.stem(images)))
        return scores


@dataclass
class Config:
    """A row of timm's table of weights."""

    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    input_size: tuple[int, int, int] = (3, 32, 32)
    crop_pct: float = 0.875
    calls: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return {"mean": self.mean, "std": self.std, "input_size": self.input_size, "crop_pct": self.crop_pct}


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> Config:
    """A package of timm's name and interface, with two networks, one of which has no single layer of scores; no internet."""
    config = Config()

    def create_model(name: str, *, pretrained: bool, **words: object) -> nn.Module:
        config.calls.append(name)
        if pretrained:
            raise OSError("no route to the hub\nand more lines")
        if words:
            raise TypeError("img_size")
        return Tiny(("head", "head_dist") if name.startswith("two") else "head.fc")

    package, data, models = ModuleType("timm"), ModuleType("timm.data"), ModuleType("timm.models")
    known = ["tiny", "two_heads"]
    package.__dict__.update(
        create_model=create_model, is_model=known.__contains__, list_models=lambda: known, list_pretrained=lambda name: ["tiny.a", "tiny.b"]
    )
    data.__dict__["resolve_data_config"] = lambda pretrained_cfg: pretrained_cfg
    models.__dict__["get_pretrained_cfg"] = lambda name: config
    for name, module in (("timm", package), ("timm.data", data), ("timm.models", models)):
        monkeypatch.setitem(sys.modules, name, module)
    borrowed_architecture.cache_clear()
    return config


def test_a_network_of_timm_is_fed_as_timm_feeds_it(timm: Config) -> None:
    architecture = find_architecture("timm:tiny.a")
    settings = settings_of(architecture)
    assert (architecture.image_size, settings.stored_size, pixel_range_of(architecture)) == (32, 36, "half")
    network = Network(architecture, classes=5, channels=3, image_size=32)
    rows = trace(architecture, classes=5, channels=3, image_size=32)
    assert [row.name for row in rows] == ["stem", "body.0", "body.2", "fc"]
    assert sum(row.parameters for row in rows) == count_parameters(network)
    assert [row.macs for row in rows] == [16 * 16 * 4 * 27, 0, 16 * 16 * 6 * 36, 30]
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 5)
    assert network.hidden(torch.zeros(2, 3, 32, 32)).shape == (2, 6)
    with pytest.raises(BadModel, match=r"is evaluated at the size that it was trained for; use --views centre or ten"):
        network.dense(torch.zeros(1, 3, 40, 40))


def test_a_state_dict_by_the_library_s_names_becomes_ours_and_stays_ours(timm: Config) -> None:
    architecture, library = find_architecture("timm:tiny"), Tiny()
    network = Network(architecture, classes=1000, channels=3, image_size=32)
    state = renamed(architecture, library.state_dict())
    network.load_state_dict(state)
    assert renamed(architecture, state).keys() == state.keys()
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(network.eval()(images), library.eval()(images))


def test_what_timm_does_not_have_or_bring_is_said(timm: Config) -> None:
    with pytest.raises(BadModel, match=r"timm has no network called 'tinny'. Did you mean 'tiny'\? It has 2;"):
        check_known("timm:tinny")
    with pytest.raises(BadModel, match=r"timm has no weights called 'c' for tiny. Known: a, b"):
        check_known("timm:tiny.c")
    for address in ("hf-hub:user/net", "local-dir:/tmp/net", "../tiny"):
        with pytest.raises(BadModel, match="timm has no network called"):
            check_known(f"timm:{address}")
    with pytest.raises(BadModel, match=r"timm's two_heads ends in several layers of scores"):
        trace(find_architecture("timm:two_heads"), classes=2, channels=3, image_size=32)
    with pytest.raises(BadWeights, match=r"timm's weights for tiny could not be fetched \(no route to the hub\). Use --weights none"):
        published(find_architecture("timm:tiny"))
    timm.mean = (0.1, 0.2, 0.3)
    with pytest.raises(BadModel, match=r"takes pixels minus \(0.1, 0.2, 0.3\).*which no preprocess.pixel_range is"):
        pixel_range_of(find_architecture("timm:tiny"))


def test_without_timm_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(BadModel, match=r"timm:resnet18 needs timm, which is not installed. Run pip install '\.\[timm\]'"):
        Timm().check("resnet18")


def test_only_colours_and_no_field_of_the_tables(timm: Config) -> None:
    architecture = find_architecture("timm:tiny")
    with pytest.raises(BadModel, match=r"takes colour pictures; preprocess.channels is 1"):
        trace(architecture, classes=2, channels=1, image_size=32)
    with pytest.raises(BadModel, match=r"network.dropout does not apply to it"):
        vary(architecture, NetworkChoices(dropout=0.5))


def test_names_of_libraries() -> None:
    assert [is_borrowed(name) for name in ("timm:x", "torchvision:x+svm", "timm", "other:x", 3)] == [True, True, False, False, False]
    assert list(SOURCES) == ["timm", "torchvision"]
    with pytest.raises(BadModel, match="is not from another library"):
        settings_of(find_architecture("lenet"))


@pytest.mark.parametrize("name", ["vit_b_32", "regnet_y_400mf", "googlenet"])
def test_rows_of_torchvision_count_every_parameter(name: str) -> None:
    """Networks with attention, with numbers that depend on each other, with side outputs: the published number of parameters."""
    from torchvision.models import get_model_weights

    architecture = find_architecture(f"torchvision:{name}")
    rows = trace(architecture, classes=1000, channels=3, image_size=architecture.image_size)
    assert sum(row.parameters for row in rows) == get_model_weights(name).DEFAULT.meta["num_params"]


def test_a_size_that_the_library_cannot_take() -> None:
    with pytest.raises(ImageSizeTooSmall, match=r"torchvision:swin_t cannot take 2x2 pictures .*Choose another --image-size"):
        trace(find_architecture("torchvision:swin_t"), classes=2, channels=3, image_size=2)
