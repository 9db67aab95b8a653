"""torchvision's state dict is ours: names, shapes and scores."""

import pytest
import torch
from torch import nn

from alexnet.errors import BadWeights
from alexnet.models.networks.network import Network
from alexnet.models.registry import ARCHITECTURES
from alexnet.models.weights.torchvision import OWT, TORCHVISION


def built(classes: int = 1000) -> nn.Module:
    """torchvision's network without numbers."""
    from torchvision.models import alexnet

    with torch.device("meta"):
        network: nn.Module = alexnet(num_classes=classes)
    return network.eval()


def test_names_and_shapes_are_torchvisions() -> None:
    theirs = dict(built().state_dict())
    assert TORCHVISION.names == tuple(theirs)
    assert TORCHVISION.read(theirs) == theirs
    assert OWT.write(theirs) == theirs


def test_scores_are_torchvisions_both_ways(torchvision_alexnet: nn.Module) -> None:
    theirs = built(classes=3)
    with torch.device("meta"):
        ours = Network(ARCHITECTURES["alexnet-owt"], classes=3, channels=3, image_size=96).eval()
    ours.load_state_dict(OWT.write(TORCHVISION.read(dict(torchvision_alexnet.state_dict()))), assign=True)
    theirs.load_state_dict(TORCHVISION.write(OWT.read(dict(ours.state_dict()))), assign=True)
    images = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        scores = torchvision_alexnet(images)
        assert scores.unique().numel() == 3
        assert torch.equal(ours(images), scores)
        assert torch.equal(theirs(images), scores)


def test_a_layer_that_does_not_take_what_the_one_below_gives_is_named() -> None:
    theirs = dict(built().state_dict())
    with torch.device("meta"):
        theirs["features.6.weight"] = torch.empty(384, 96, 3, 3)
        theirs["classifier.1.weight"] = torch.empty(4096, 6400)
    with pytest.raises(BadWeights) as refusal:
        TORCHVISION.read(theirs)
    assert str(refusal.value).splitlines() == [
        "These are not the weights of alexnet-owt:",
        "  features.6.weight is (384, 96, 3, 3), needs (384, 192, 3, 3)",
        "  classifier.1.weight is (4096, 6400), needs (4096, 9216)",
    ]
