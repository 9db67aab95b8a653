"""The named recipes: functions that return a complete recipe. To add one, write a function and add a row to RECIPES."""

from collections.abc import Callable
from dataclasses import replace

from alexnet.data.pipeline.augment import AugmentConfig
from alexnet.data.preprocess import PreprocessConfig
from alexnet.errors import BadRecipe, did_you_mean
from alexnet.models.networks.architecture import NetworkChoices
from alexnet.models.networks.convnet_small import CONVNET_SMALL
from alexnet.recipes import convnet_small, efficientnet
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.subject import Subject
from alexnet.training.config import TrainingConfig


def paper(subject: Subject) -> Recipe:
    """The 2012 recipe (paper section 5; the 2012 program): plateau schedule, 0-255 range, crops, mirrors, PCA colour noise."""
    architecture = subject.architecture
    if architecture.name == CONVNET_SMALL.name:
        return convnet_small.paper(subject)
    if architecture.image_size <= SMALL:
        return _paper_small(subject)
    return Recipe(
        name="paper",
        data=subject.data,
        model=architecture.name,
        views="centre,ten",
        preprocess=_sizes(subject, architecture.image_size, crop=True),
        augment=AugmentConfig(crop=True, flip=subject.traits.flip, pca_noise=0.1 if subject.traits.colour else 0.0),
        network=NetworkChoices(initialisation="table"),
        training=TrainingConfig(),
    )


def _paper_small(subject: Subject) -> Recipe:
    """The authors' settings for the CIFAR-10 networks: learning rate 0.001 (biases 0.002), strong weight decay on the last layers."""
    architecture = subject.architecture
    convolutions, local, fully_connected = CIFAR_DECAY.get(architecture.name, (0.0, 0.004, 0.01))
    sigmoid = architecture.activation == "sigmoid"  # LeNet: with the paper's initial weights and rate it would not learn
    return Recipe(
        name="paper",
        data=subject.data,
        model=architecture.name,
        preprocess=_sizes(subject, architecture.image_size, crop=False),
        augment=AugmentConfig(crop=True, crop_padding=4, flip=subject.traits.flip),
        network=NetworkChoices(initialisation="xavier" if sigmoid else None),
        training=TrainingConfig(
            learning_rate=0.1 if sigmoid else 0.001,
            weight_decay=convolutions,
            local_weight_decay=local,
            fc_weight_decay=fully_connected,
            epochs=130.0,
            plateau_epochs=20.0,
        ),
    )


def lecture(subject: Subject) -> Recipe:
    """Dive into Deep Learning's recipe: plain SGD, no momentum, no decay, no augmentation, Xavier, 10 epochs; rate 0.01 (LeNet 0.9)."""
    is_lenet = subject.architecture.activation == "sigmoid"
    size = subject.architecture.image_size
    gray = subject.traits.gray
    return Recipe(
        name="lecture",
        data=subject.data,
        model=subject.architecture.name,
        preprocess=PreprocessConfig(image_size=size, stored_size=size, fit="squash", channels=1 if gray else 3, pixel_range="0-1"),
        augment=AugmentConfig(crop=False, flip=False),
        network=NetworkChoices(initialisation="xavier"),
        training=TrainingConfig(
            epochs=10.0,
            batch_size=256 if is_lenet else 128,
            learning_rate=0.9 if is_lenet else 0.01,
            bias_learning_rate=1.0,
            schedule="constant",
            momentum=0.0,
            weight_decay=0.0,
        ),
    )


def quick(subject: Subject) -> Recipe:
    """The default, our own: He initialisation, unit variance, a one-cycle schedule, label smoothing, bf16 where it is fast."""
    if subject.architecture.name == CONVNET_SMALL.name:
        return convnet_small.quick(subject)
    if subject.architecture.stages:
        return efficientnet.quick(subject)
    return _quick_small(subject) if subject.architecture.image_size <= SMALL else _quick_large(subject)


def _quick_large(subject: Subject) -> Recipe:
    size = _large_size(subject)
    gray = subject.traits.gray and subject.architecture.channels == 1
    return Recipe(
        name="quick",
        data=subject.data,
        model=subject.architecture.name,
        preprocess=PreprocessConfig(image_size=size, stored_size=size * 8 // 7, channels=1 if gray else 3, pixel_range="unit-variance"),
        augment=AugmentConfig(flip=subject.traits.flip, brightness=0.2, colour_temperature=0.1 if subject.traits.colour else 0.0),
        network=NetworkChoices(initialisation="he"),
        training=QUICK,
    )


def _quick_small(subject: Subject) -> Recipe:
    architecture, size = subject.architecture, subject.architecture.image_size
    sigmoid, from_images = architecture.activation == "sigmoid", architecture.initialisation == "images"
    gray = subject.traits.gray and architecture.channels == 1
    seen = size * 7 // 8 if from_images else size  # crops without padding, and five of them at test time
    return Recipe(
        name="quick",
        data=subject.data,
        model=architecture.name,
        views="centre,ten" if from_images else "centre",
        preprocess=PreprocessConfig(image_size=seen, stored_size=size, channels=1 if gray else 3, pixel_range="unit-variance"),
        augment=AugmentConfig(crop=not sigmoid, crop_padding=0 if sigmoid else 2 if from_images else size // 8, flip=subject.traits.flip),
        network=NetworkChoices(initialisation=None if from_images else "he"),
        training=_quick_small_training(subject),
    )


def _quick_small_training(subject: Subject) -> TrainingConfig:
    """Data sets of a few thousand images use smaller batches, so that an epoch has enough steps."""
    if subject.architecture.activation == "sigmoid":
        training = QUICK_SIGMOID
    else:
        training = QUICK_MUON if subject.architecture.initialisation == "images" else replace(QUICK, epochs=20.0)
    return replace(training, batch_size=32) if subject.images < FEW else training


QUICK = TrainingConfig(
    epochs=30.0,
    learning_rate=0.02,
    bias_learning_rate=1.0,
    schedule="one-cycle",
    nesterov=True,
    label_smoothing=0.1,
)
QUICK_SIGMOID = replace(QUICK, epochs=20.0, learning_rate=0.5, weight_decay=0.0, label_smoothing=0.0)
QUICK_MUON = replace(
    QUICK,
    epochs=24.0,
    batch_size=256,
    optimizer="muon",
    learning_rate=0.03,
    muon_learning_rate=0.005,
    muon_precision="training",
    warmup=0.1,
    final_learning_rate=0.0,
)


def _sizes(subject: Subject, size: int, *, crop: bool) -> PreprocessConfig:
    gray = subject.traits.gray and subject.architecture.channels == 1
    stored = size * 8 // 7 if crop else size
    return PreprocessConfig(image_size=size, stored_size=stored, channels=1 if gray else 3, pixel_range="0-255")


def _large_size(subject: Subject) -> int:
    """The network's own size, or at most 128 for images whose short side is below 180 px."""
    return min(subject.architecture.image_size, 128) if subject.side < 180 else subject.architecture.image_size


SMALL = 64  # px
FEW = 6_000  # images
CIFAR_DECAY = {  # of convolutions, local layers, fully connected layers
    "alexnet-cifar": (0.0, 0.004, 0.01),
    "alexnet-cifar-13": (0.0, 0.004, 0.004),
    "alexnet-cifar-18": (0.004, 0.004, 1.0),
    "alexnet-cifar-26": (0.004, 0.004, 0.03),
    "lenet": (0.0, 0.0, 0.0),
}
RECIPES: dict[str, Callable[[Subject], Recipe]] = {"quick": quick, "paper": paper, "lecture": lecture}


def find_recipe(name: str) -> Callable[[Subject], Recipe]:
    """The function of a named recipe; raises BadRecipe with the nearest name."""
    if name not in RECIPES:
        raise BadRecipe(f"No recipe is called '{name}'. {did_you_mean(name, RECIPES)} To use a file, pass --recipe FILE.toml.")
    return RECIPES[name]
