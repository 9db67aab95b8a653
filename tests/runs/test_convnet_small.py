"""convnet-small, a quarter as wide, learns the digits in a few epochs of each of its recipes."""

from pathlib import Path

import pytest

from alexnet.inference.classifier import load
from alexnet.models.networks.model import NetworkModel
from alexnet.runs.train import train


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "most"), [("quick", 0.06), ("paper", 0.15), ("lecture", 0.4)])
def test_every_recipe_learns_the_digits(recipe: str, most: float, tmp_path: Path) -> None:
    overrides = {"network.width": 0.25, "training.batch_size": 64}
    result = train("digits", model="convnet-small", recipe=recipe, epochs=2, out=tmp_path / "run", baseline=False, overrides=overrides)
    assert result.test_error is not None
    assert result.test_error < most
    model = load(tmp_path / "run").model
    assert isinstance(model, NetworkModel)
    filters = model.network.get_parameter("features.conv1.weight")
    assert filters[:3].allclose(-filters[3:6])  # of six filters for gray images: whitening ones, with both signs
