"""torchvision's AlexNet, an oracle that takes long to import and to initialise."""

import pytest
from torch import nn


@pytest.fixture(scope="session")
def torchvision_alexnet() -> nn.Module:
    """torchvision's AlexNet for 3 classes, with random weights, for evaluation. Not to be changed."""
    from torchvision.models import alexnet

    network: nn.Module = alexnet(num_classes=3)
    return network.eval()
