"""The recipes of `efficientnet-lite0`: trained further from its weights for ImageNet, or from new ones."""

from dataclasses import replace

from alexnet.data.pipeline.augment import AugmentConfig
from alexnet.data.preprocess import PreprocessConfig
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.subject import Subject
from alexnet.training.config import TrainingConfig

SIZE, STORED = 224, 256  # px
TUNED = TrainingConfig(
    epochs=8.0,
    batch_size=32,
    learning_rate=0.02,  # of the last layer, which is new
    lower_layers=0.5,
    rate_per_layer=0.85,
    fixed_layers=4,  # stem and the blocks at 112 px and 56 px: edges and colours, and most of the time
    norm_statistics="kept",  # those of 1.2 million images; a batch of 32 says little
    bias_learning_rate=1.0,
    schedule="one-cycle",
    final_learning_rate=0.0,
    nesterov=True,
    weight_decay=1e-4,
    precision="fp32",  # on a CPU its filters of single channels are slower in bf16, twice as slow with AMX
    label_smoothing=0.1,
)


def quick(subject: Subject) -> Recipe:
    """Ours: fine-tuning. The last layer learns fastest, each block below a little more slowly, and the first ones not at all."""
    return Recipe(
        name="quick",
        data=subject.data,
        model=subject.architecture.name,
        weights="imagenet",
        preprocess=PreprocessConfig(image_size=SIZE, stored_size=STORED, pixel_range="-1-1"),
        augment=AugmentConfig(scale=0.6, flip=subject.traits.flip, brightness=0.2),
        training=TUNED,
    )


def from_new_weights(recipe: Recipe) -> Recipe:
    """The recipe without weights to start from: no layer learns more slowly than another, and batches set the statistics."""
    training = replace(
        recipe.training,
        epochs=30.0,
        learning_rate=0.1,
        lower_layers=1.0,
        rate_per_layer=1.0,
        fixed_layers=0,
        norm_statistics="batch",
    )
    return replace(recipe, weights="", training=training)
