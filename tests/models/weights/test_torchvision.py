"""torchvision's state dict is ours: names, shapes and scores."""

import pytest
import torch
import torchvision

from alexnet.errors import BadWeights
from alexnet.models.networks.network import Network
from alexnet.models.registry import ARCHITECTURES
from alexnet.models.weights.torchvision import OWT, TORCHVISION


def test_names_and_shapes_are_torchvisions() -> None:
    with torch.device("meta"):
        theirs = dict(torchvision.models.alexnet().state_dict())
    assert TORCHVISION.names == tuple(theirs)
    assert TORCHVISION.read(theirs) == theirs
    assert OWT.write(theirs) == theirs


def test_scores_are_torchvisions_both_ways() -> None:
    with torch.device("meta"):
        theirs = torchvision.models.alexnet(num_classes=3).eval()
        ours = Network(ARCHITECTURES["alexnet-owt"], classes=3, channels=3, image_size=96).eval()
    generator = torch.Generator().manual_seed(0)
    state = {
        name: torch.randn(tensor.shape, generator=generator) / tensor[0].numel() ** 0.5 for name, tensor in theirs.state_dict().items()
    }
    ours.load_state_dict(OWT.write(TORCHVISION.read(state)), assign=True)
    theirs.load_state_dict(TORCHVISION.write(OWT.read(dict(ours.state_dict()))), assign=True)
    images = torch.randn(1, 3, 96, 96, generator=generator)
    with torch.inference_mode():
        assert torch.equal(ours(images), theirs(images))


def test_a_layer_that_does_not_take_what_the_one_below_gives_is_named() -> None:
    with torch.device("meta"):
        theirs = dict(torchvision.models.alexnet().state_dict())
        theirs["features.6.weight"] = torch.empty(384, 96, 3, 3)
        theirs["classifier.1.weight"] = torch.empty(4096, 6400)
    with pytest.raises(BadWeights) as refusal:
        TORCHVISION.read(theirs)
    assert str(refusal.value).splitlines() == [
        "These are not the weights of alexnet-owt:",
        "  features.6.weight is (384, 96, 3, 3), needs (384, 192, 3, 3)",
        "  classifier.1.weight is (4096, 6400), needs (4096, 9216)",
    ]
