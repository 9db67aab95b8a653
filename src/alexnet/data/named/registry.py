"""The data sets with a name: their sources, their classes, and which changes keep the class of their images."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import numpy as np
import torch

from alexnet.data.array_dataset import ArrayDataset, Parts
from alexnet.data.dataset import Traits
from alexnet.data.named.fashion_mnist import download_timeout, fashion_mnist
from alexnet.data.named.made_up import hues, shapes
from alexnet.errors import BadDataset
from alexnet.storage.cache import cache_folder
from alexnet.storage.files import locked

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
DIGIT_CLASSES = tuple("0123456789")
DIGIT_TRAITS = Traits(flip=False, colour=False, gray=True)
Part = TypeVar("Part")


def digits() -> ArrayDataset:
    """scikit-learn's 1,797 handwritten digits of 8 x 8 pixels (UCI, 1998), without a download; their range 0-16 is scaled to 0-255."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    images = torch.from_numpy(np.rint(pixels * (255 / 16)).astype(np.uint8)).view(-1, 1, 8, 8)
    return ArrayDataset("digits", DIGIT_CLASSES, [(None, images, torch.from_numpy(labels).long())], DIGIT_TRAITS)


def mnist() -> ArrayDataset:
    """MNIST (LeCun, Cortes, Burges 1998): 70,000 gray digits of 28 x 28 pixels, downloaded once by torchvision, which verifies them."""
    from torchvision.datasets import MNIST

    def load(train: bool, download: bool) -> MNIST:
        return MNIST(cache_folder() / "torchvision", train=train, download=download)

    train, test = _fetch("mnist", load)
    parts: Parts = [("train", train.data[:, None], train.targets), ("test", test.data[:, None], test.targets)]
    return ArrayDataset("mnist", DIGIT_CLASSES, parts, DIGIT_TRAITS)


def cifar10() -> ArrayDataset:
    """CIFAR-10 (Krizhevsky 2009): 60,000 colour images of 32 x 32 pixels, downloaded once by torchvision, which verifies them."""
    from torchvision.datasets import CIFAR10

    def load(train: bool, download: bool) -> CIFAR10:
        return CIFAR10(cache_folder() / "torchvision", train=train, download=download)

    train, test = _fetch("cifar10", load)
    parts: Parts = [
        ("train", torch.from_numpy(train.data).permute(0, 3, 1, 2), torch.tensor(train.targets)),
        ("test", torch.from_numpy(test.data).permute(0, 3, 1, 2), torch.tensor(test.targets)),
    ]
    return ArrayDataset("cifar10", CIFAR10_CLASSES, parts, Traits(flip=True, colour=True))


NAMED: dict[str, Callable[[], ArrayDataset]] = {
    "fashion-mnist": fashion_mnist,
    "cifar10": cifar10,
    "mnist": mnist,
    "digits": digits,
    "hues": hues,
    "shapes": shapes,
}


def _fetch(name: str, load: Callable[[bool, bool], Part]) -> tuple[Part, Part]:
    """Training and test images by load(train, download), verified by torchvision; of several processes at once, only one downloads."""
    with suppress(OSError, RuntimeError):  # from torchvision, if files are missing or damaged
        return load(True, False), load(False, False)
    folder = cache_folder() / "torchvision"
    try:
        with locked(folder), download_timeout():
            return load(True, True), load(False, True)
    except (OSError, RuntimeError) as problem:
        reason = " ".join(str(problem).split())
        raise BadDataset(
            f"{name} is not in {folder} and cannot be downloaded ({reason}). Connect to the internet once, "
            "copy that folder from another machine, or use a folder or zip of its pictures in class folders."
        ) from None
