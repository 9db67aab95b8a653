"""The recipe of networks of other libraries: trained further from what the library publishes, or from new weights."""

from dataclasses import replace

from alexnet.data.pipeline.augment import AugmentConfig
from alexnet.data.preprocess import FIXED, PixelRange, PreprocessConfig
from alexnet.errors import BadModel, BadRecipe
from alexnet.models.networks.architecture import Architecture
from alexnet.models.networks.borrowed.registry import settings_of
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.subject import Subject
from alexnet.training.config import TrainingConfig

CLOSE = 0.5  # on the scale 0 to 255: libraries round these numbers
NAMED = "quick"  # the only recipe: the others are about the networks of 2012 and before
TUNED = TrainingConfig(
    epochs=8.0,
    batch_size=32,
    learning_rate=0.02,  # of the last layer, which is new
    lower_layers=0.1,
    norm_statistics="kept",
    bias_learning_rate=1.0,
    schedule="one-cycle",
    final_learning_rate=0.0,
    nesterov=True,
    weight_decay=1e-4,
    label_smoothing=0.1,
)


def named(recipe: str, subject: Subject) -> Recipe:
    """`quick` for these images; raises BadRecipe for another name."""
    architecture = subject.architecture
    if recipe != NAMED:
        raise BadRecipe(f"The recipe '{recipe}' is not made for {architecture.name}, which another library builds. Use --recipe {NAMED}.")
    settings = settings_of(architecture)
    return Recipe(
        name=NAMED,
        data=subject.data,
        model=architecture.name,
        weights="imagenet",
        preprocess=PreprocessConfig(
            image_size=settings.image_size, stored_size=settings.stored_size, pixel_range=pixel_range_of(architecture)
        ),
        augment=AugmentConfig(scale=0.6, flip=subject.traits.flip, brightness=0.2),
        training=TUNED,
    )


def pixel_range_of(architecture: Architecture) -> PixelRange:
    """The name of the mean and spread that the library's weights expect; raises BadModel for one without a name."""
    settings = settings_of(architecture)
    wanted = [255 * value for value in (*settings.mean, *settings.std)]
    for name, (mean, std) in FIXED.items():
        if all(abs(one - other) < CLOSE for one, other in zip(wanted, (*mean, *std), strict=True)):
            return name
    raise BadModel(f"{architecture.name} takes pixels minus {settings.mean}, over {settings.std}, which no preprocess.pixel_range is.")


def from_new_weights(recipe: Recipe) -> Recipe:
    """The recipe without weights to start from: all layers learn at one rate, and batches set the statistics."""
    training = replace(recipe.training, epochs=30.0, learning_rate=0.05, lower_layers=1.0, norm_statistics="batch")
    return replace(recipe, weights="", training=training)
