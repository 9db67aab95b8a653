"""The recipes of `convnet-small`: our own for images of any size, and the published one."""

from dataclasses import dataclass, replace

from alexnet.data.pipeline.augment import AugmentConfig
from alexnet.data.preprocess import PreprocessConfig
from alexnet.models.networks.architecture import NetworkChoices
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.subject import Subject
from alexnet.training.config import TrainingConfig


@dataclass(frozen=True, slots=True)
class Stem:
    """A first layer for images of one size. None: as in the network's table."""

    size: int  # px, side of the images
    kernel: int | None = None  # px
    stride: int | None = None  # px
    channels: int | None = None


STEMS = (  # windows of 1/32 to 1/16 of the side, and maps of 31 to 47 px
    Stem(32),
    Stem(64, 4, 2, 48),
    Stem(96, 4, 2, 48),
    Stem(128, 6, 3, 64),
)
FEW, MANY = 6_000, 30_000  # images
QUICK = TrainingConfig(
    epochs=12.0,
    batch_size=512,
    learning_rate=0.03,
    bias_learning_rate=1.0,
    schedule="one-cycle",
    warmup=0.1,
    final_learning_rate=0.0,
    optimizer="muon",
    muon_learning_rate=0.005,
    muon_precision="training",
    nesterov=True,
    label_smoothing=0.2,
)
PUBLISHED = TrainingConfig(
    epochs=9.9,
    batch_size=1024,
    learning_rate=1.5 / 81,  # of the last layer, which in the published network is followed by a division by 9, in both directions
    conv_learning_rate=81.0,
    bias_learning_rate=1.0,
    schedule="one-cycle",
    warmup=0.23,
    final_learning_rate=0.07,
    momentum=0.85,
    nesterov=True,
    weight_decay=0.0013,  # at every rate 0.002 per step at the peak
    fc_weight_decay=0.108,
    bias_weight_decay=0.0013,
    label_smoothing=0.2,
)


def quick(subject: Subject) -> Recipe:
    """Ours: Muon, a one-cycle schedule to 0, label smoothing; images of 64 px and more are changed more, and for longer."""
    stem = next(stem for stem in reversed(STEMS) if stem.size <= max(subject.side, STEMS[0].size))
    large = stem is not STEMS[0]
    batch = 64 if subject.images < FEW else 256 if subject.images < MANY else 512
    return Recipe(
        name="quick",
        data=subject.data,
        model=subject.architecture.name,
        views="centre,ten" if large else "centre,shifted",
        preprocess=_sizes(stem.size, stem.size * 8 // 7 if large else stem.size),
        augment=_strong(subject, stem.size) if large else _light(subject),
        network=NetworkChoices(first_kernel=stem.kernel, first_stride=stem.stride, first_channels=stem.channels),
        training=replace(QUICK, epochs=30.0 if large else QUICK.epochs, batch_size=batch),
    )


def paper(subject: Subject) -> Recipe:
    """The published training (Jordan 2024), at its 32 px, with weight decay as it has it: the same share per step in every layer.

    Not as published: the shape of the schedule's fall (a cosine), the 64-fold rate of batch norm's biases, the whitening bias that is
    frozen after three epochs, the average of the weights (lookahead), and the weights of the views (twice as much for the unshifted).
    """
    size = subject.architecture.image_size
    return Recipe(
        name="paper",
        data=subject.data,
        model=subject.architecture.name,
        views="centre,shifted",
        preprocess=_sizes(size, size),
        augment=_light(subject),
        training=PUBLISHED,
    )


def _sizes(image_size: int, stored_size: int) -> PreprocessConfig:
    return PreprocessConfig(image_size=image_size, stored_size=stored_size, pixel_range="unit-variance")


def _light(subject: Subject) -> AugmentConfig:
    """As published: shifts by up to 2 px, alternating mirrors."""
    return AugmentConfig(crop_padding=2, flip=subject.traits.flip)


def _strong(subject: Subject, size: int) -> AugmentConfig:
    return AugmentConfig(
        scale=0.5,
        flip=subject.traits.flip,
        brightness=0.2,
        colour_temperature=0.1 if subject.traits.colour else 0.0,
        cutout=size // 4,
    )
