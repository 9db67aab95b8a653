"""From JPEG files on disk to training steps, compared with torchvision's reference pipeline."""

import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder
from torchvision.models import alexnet as torchvision_alexnet

from alexnet.data.open import open_dataset
from alexnet.data.pipeline.augment import AugmentConfig
from alexnet.data.pipeline.batches import AugmentedBatches
from alexnet.data.pipeline.image_store import open_images
from alexnet.data.preprocess import Preprocess
from alexnet.inference.build import build_model
from alexnet.models.networks.architecture import NetworkChoices
from alexnet.runtime.device import choose_device, choose_precision, synchronize
from alexnet.runtime.machine import keep_freed_memory
from alexnet.training.config import TrainingConfig
from alexnet.training.optimizer import Descent
from alexnet.training.step import training_step
from bench.measure import Row, interleaved, usual_memory
from bench.steps import IMAGENET_MEAN, IMAGENET_STD

BATCH, SIZE, IMAGES = 64, 224, 384
WORKERS = os.cpu_count() or 1


def loading(shared: Path, rounds: int = 3) -> dict[str, Row]:
    """Images per second from files: only read, and read and trained on; in the first epoch, and in later epochs."""
    rows: dict[str, Row] = {}
    for archive in ("clothing.zip", "imagenet-sample.zip"):
        if (shared / archive).exists():
            rows |= _of_archive(shared / archive, rounds)
    return rows or _of_generated_images(rounds)


def _of_archive(archive: Path, rounds: int) -> dict[str, Row]:
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(archive) as file:
            names = [name for name in file.namelist() if name.startswith("train/") or "/" not in name]
            for number, name in enumerate(names[:: max(1, len(names) // IMAGES)]):
                place = Path(folder) / f"class{number % 2}" / f"{number}.jpg"
                place.parent.mkdir(exist_ok=True)
                place.write_bytes(file.read(name))
        return _of_folder(archive.stem, Path(folder), rounds)


def _of_generated_images(rounds: int) -> dict[str, Row]:
    with tempfile.TemporaryDirectory() as folder:
        write_photos(Path(folder))
        return _of_folder("made pictures", Path(folder), rounds)


def write_photos(folder: Path) -> None:
    """Write class folders of crops from the two photos that scikit-learn includes."""
    photos = [Image.fromarray(photo) for photo in load_sample_images().images]
    for number in range(IMAGES):
        place = folder / f"class{number % 2}" / f"{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        photos[number % 2].crop((number % 160, number % 90, 480 + number % 160, 330 + number % 90)).save(place, quality=90)


def _of_folder(name: str, folder: Path, rounds: int) -> dict[str, Row]:
    count = sum(1 for _ in folder.rglob("*.jpg"))
    ours, reference = _Ours(folder), _Reference(folder)
    variants: dict[str, Callable[[], object]] = {
        "reference read": reference.read,
        "ours read": ours.read,
        "reference trained": reference.trained,
        "ours cold": ours.cold_epoch,
        "ours warm": ours.warm_epoch,
        "ours steps": ours.steps_alone,
    }
    rate = {variant: count / seconds for variant, seconds in interleaved(variants, rounds=rounds, warm_rounds=1).items()}
    share = 1.0 - rate["ours warm"] / rate["ours steps"]
    return {
        f"{name}: files decoded, fitted and augmented": _row(rate["ours read"], rate["reference read"], 0.0),
        f"{name}: first epoch, from files to steps": _row(rate["ours cold"], rate["reference trained"], 1.8),
        f"{name}: later epochs, from files to steps": _row(rate["ours warm"], rate["reference trained"], 1.8),
        f"{name}: share of a later epoch that is loading (goal: at most)": Row(share, share, 1.0, "share", 0.0, 0.05),
    }


def _row(ours: float, other: float, must: float) -> Row:
    return Row(ours / other, ours, other, "images/s", must, None)


class _Ours:
    """Our pipeline and our alexnet-owt."""

    def __init__(self, folder: Path) -> None:
        self.dataset, self.device = open_dataset(folder), choose_device()
        preprocess = Preprocess(image_size=SIZE, stored_size=256, fit="crop", mean=IMAGENET_MEAN, std=IMAGENET_STD)
        self.model = build_model("alexnet-owt", NetworkChoices(), 1000, 3, preprocess).to(self.device)
        self.optimizer = Descent(self.model, TrainingConfig())
        self.precision = choose_precision("auto", self.device)
        self.batches = self._opened()
        self.images = torch.randint(0, 256, (BATCH, 3, SIZE, SIZE), dtype=torch.uint8, device=self.device)

    def _opened(self) -> AugmentedBatches:
        store = open_images(self.dataset, 256, "crop", workers=WORKERS)
        config = AugmentConfig(brightness=0.2)
        return AugmentedBatches(store, store.readable, size=SIZE, batch_size=BATCH, config=config, pca=None, seed=0, device=self.device)

    def read(self) -> None:
        for _ in self._opened().epoch(0):
            pass

    def cold_epoch(self) -> None:
        self._train(self._opened())

    def warm_epoch(self) -> None:
        self._train(self.batches)

    def steps_alone(self) -> None:
        keep_freed_memory()
        labels = torch.zeros(BATCH, dtype=torch.int64, device=self.device)
        for _ in range(self.batches.steps_per_epoch):
            training_step(self.model, self.optimizer, self.images, labels, 0.0, self.precision)
        synchronize(self.device)

    def _train(self, batches: AugmentedBatches) -> None:
        keep_freed_memory()
        for images, labels in batches.epoch(0):
            training_step(self.model, self.optimizer, images, labels, 0.0, self.precision)
        synchronize(self.device)


class _Reference:
    """torchvision's reference: ImageFolder, Pillow, RandomResizedCrop, DataLoader, and its AlexNet in a plain fp32 loop."""

    def __init__(self, folder: Path) -> None:
        mean, std = [m / 255 for m in IMAGENET_MEAN], [s / 255 for s in IMAGENET_STD]
        steps = [transforms.RandomResizedCrop(SIZE), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
        dataset = ImageFolder(str(folder), transforms.Compose([*steps, transforms.Normalize(mean, std)]))
        self.loader = DataLoader(dataset, BATCH, shuffle=True, num_workers=WORKERS)
        self.model: nn.Module = torchvision_alexnet()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

    def read(self) -> None:
        for _ in self.loader:
            pass

    def trained(self) -> None:
        with usual_memory():
            for images, labels in self.loader:
                self.optimizer.zero_grad()
                functional.cross_entropy(self.model(images), labels).backward()
                self.optimizer.step()
