"""The frozen features of a pretrained network: what they are, and weights that do not fit."""

import pytest
import torch
from tests.models.weights.published_lite import random_weights

from alexnet.errors import BadModel
from alexnet.models.handcrafted.pretrained import PretrainedFeatures
from alexnet.models.networks.efficientnet_lite import EfficientNetLite
from alexnet.models.weights.efficientnet_lite import our_name
from alexnet.runtime.device import one_torch_thread

WEIGHTS = {our_name(name): tensor for name, tensor in random_weights().items() if not name.startswith("_fc")}


def test_they_are_the_networks_last_hidden_layer_and_have_no_gradient() -> None:
    network = EfficientNetLite(classes=0).eval()
    network.load_state_dict(WEIGHTS)
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    features = PretrainedFeatures(WEIGHTS, 32)
    with one_torch_thread():
        vectors, expected = features(images), network(images)
    assert vectors.shape == (2, features.dimensions)
    assert not vectors.requires_grad
    torch.testing.assert_close(vectors, expected, rtol=0, atol=1e-3)
    with one_torch_thread():
        torch.testing.assert_close(PretrainedFeatures(WEIGHTS, 32, root=True)(images) ** 2, vectors, rtol=1e-5, atol=1e-6)


def test_weights_that_do_not_fit_are_named() -> None:
    changed = {name: tensor for name, tensor in WEIGHTS.items() if name != "stem.conv.weight"} | {"head.norm.bias": torch.zeros(3)}
    with pytest.raises(BadModel, match=r"do not fit EfficientNet-Lite0: head\.norm\.bias, stem\.conv\.weight missing"):
        PretrainedFeatures(changed, 64)
