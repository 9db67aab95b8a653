"""The recipes of convnet-small: the size and the first layer for each size of images, and the published training."""

import pytest

from alexnet.data.dataset import Traits
from alexnet.data.pipeline.augment import check_fit
from alexnet.models.networks.convnet_small import CONVNET_SMALL
from alexnet.recipes.named import find_recipe
from alexnet.recipes.networks import layers_of
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.subject import Subject
from alexnet.training.schedule import learning_rate


def recipe_for(side: int, *, name: str = "quick", images: int = 50_000, flip: bool = True, colour: bool = True) -> Recipe:
    return find_recipe(name)(Subject("photos", CONVNET_SMALL, Traits(flip=flip, colour=colour), side, images))


@pytest.mark.parametrize(
    ("side", "size"), [(8, 32), (28, 32), (32, 32), (63, 32), (64, 64), (95, 64), (96, 96), (127, 96), (128, 128), (500, 128)]
)
def test_the_size_follows_the_images_and_the_first_layer_the_size(side: int, size: int) -> None:
    recipe = recipe_for(side)
    assert recipe.preprocess.image_size == size
    assert recipe.preprocess.stored_size == (32 if size == 32 else size * 8 // 7)
    check_fit(recipe.preprocess.stored_size, recipe.preprocess.stored_size, size, recipe.augment)
    first = layers_of(recipe, 10)[0]
    assert 31 <= first.output[1] <= 64
    window = recipe.network.first_kernel or 2
    assert size / 32 <= window <= size / 16


def test_only_large_images_are_scaled_and_recoloured() -> None:
    small, large = recipe_for(32).augment, recipe_for(100).augment
    assert (small.crop_padding, small.scale, small.brightness, small.colour_temperature, small.cutout) == (2, 1.0, 0.0, 0.0, 0)
    assert (large.crop_padding, large.scale, large.brightness, large.colour_temperature, large.cutout) == (0, 0.5, 0.2, 0.1, 24)
    assert recipe_for(100, colour=False).augment.colour_temperature == 0
    assert not recipe_for(100, flip=False).augment.flip
    views = [recipe.views for recipe in (recipe_for(32), recipe_for(32, flip=False), recipe_for(100, flip=False))]
    assert views == ["centre,shifted", "centre,shifted", "centre,ten"]


def test_few_images_are_trained_in_small_batches() -> None:
    assert [recipe_for(32, images=images).training.batch_size for images in (5_999, 6_000, 29_999, 30_000)] == [64, 256, 256, 512]


def test_the_published_training_decays_every_weight_by_the_same_share() -> None:
    training = recipe_for(32, name="paper").training
    last = training.learning_rate
    convolutions = last * training.conv_learning_rate
    assert convolutions == pytest.approx(1.5)  # 11.5 / (1024 (1 + 1 / (1 - 0.85))) for the sum of 1,024 losses
    assert convolutions == pytest.approx(11.5 / (1 + 1 / (1 - training.momentum)), rel=1e-3)
    shares = [
        convolutions * training.weight_decay,
        convolutions * training.bias_weight_decay,
        last * training.fc_weight_decay,
    ]
    assert shares == pytest.approx([0.0153 / (1 + 1 / (1 - training.momentum))] * 3, rel=0.03)
    rates = [learning_rate(training, progress, 0) / last for progress in (0.0, 0.23, 1.0)]
    assert rates == pytest.approx([0.07, 1.0, 0.07])
