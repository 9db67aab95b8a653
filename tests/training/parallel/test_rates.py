"""One weird trick's rates: the convolutions' own, and nothing else's."""

import pytest
from tests.training.parallel.cases import CLASSES

from alexnet.data.preprocess import Preprocess
from alexnet.inference.build import build_model
from alexnet.models.networks.architecture import NetworkChoices
from alexnet.training.config import TrainingConfig
from alexnet.training.optimizer import Descent


@pytest.mark.parametrize("name", ["alexnet", "alexnet-owt", "alexnet-cifar-13", "lenet", "mlp"])
def test_the_rate_of_the_convolutions_touches_their_weights_and_biases_alone(name: str) -> None:
    size = {"lenet": 28, "mlp": 28, "alexnet-cifar-13": 24}.get(name, 67)
    pre = Preprocess(image_size=size, stored_size=size, fit="crop", mean=(0.0,) * 3, std=(1.0,) * 3)
    model = build_model(name, NetworkChoices(width=1 / 8), CLASSES, 3, pre)
    plain, faster = (Descent(model, TrainingConfig(conv_learning_rate=factor)) for factor in (1.0, 8.0))
    for descent in (plain, faster):
        descent.set_learning_rate(0.01)
    factors = {part: faster.rates()[part] / rate for part, rate in plain.rates().items()}
    assert factors == {part: pytest.approx(8.0 if ".features." in part else 1.0) for part in plain.rates()}
    assert factors.keys() == {part for part, _ in model.named_parameters()}
    convolutions = {part for part, weight in model.named_parameters() if weight.dim() == 4}
    assert {part for part, factor in factors.items() if factor > 1} >= convolutions
    assert (len(convolutions) > 0) == (name != "mlp")
