"""Reading, decoding and augmenting packed images on one core, compared with torchvision's reference pipeline and another packed format."""

import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from alexnet.data.dataset import Dataset, Item, Traits
from alexnet.data.item_table import ItemTable
from alexnet.data.open import open_dataset
from alexnet.data.packs import footer
from alexnet.data.packs.journal import COPIED, RECORD, Journal
from alexnet.data.packs.names import PackedNames
from alexnet.data.packs.writer import pack
from alexnet.data.pipeline.augment import AugmentConfig
from alexnet.data.pipeline.batches import AugmentedBatches
from alexnet.data.pipeline.image_store import open_images
from bench.handcrafted import one_core
from bench.loading import BATCH, SIZE, write_photos
from bench.measure import Row, interleaved
from bench.steps import IMAGENET_MEAN, IMAGENET_STD

IMAGENET = 1_281_167 + 50_000  # training and validation images
COPIES = 4  # of each image in the sample
MOST_GROWTH = 64.0  # MB


def packed(shared: Path, rounds: int = 7) -> dict[str, Row]:
    """Images per second on one core, the time to open an index of ImageNet's size, and the memory growth over epochs."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        name = _photos(shared, folder / "raw")
        pack(open_dataset(folder / "raw"), folder / "packed.zip", workers=2)
        with one_core():
            return _rates(name, folder, rounds) | _memory(folder) | _opening(folder)


def _photos(shared: Path, raw: Path) -> str:
    """Write class folders of the sample's JPEGs, each several times, or of generated images; returns their name."""
    archive = shared / "imagenet-sample.zip"
    if not archive.exists():
        write_photos(raw)
        return "made pictures"
    with zipfile.ZipFile(archive) as file:
        names = [name for name in file.namelist() if name.lower().endswith((".jpg", ".jpeg"))]
        for number, name in enumerate(names * COPIES):
            path = raw / f"class{number % 2}" / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.read(name))
    return archive.stem


def _rates(name: str, folder: Path, rounds: int) -> dict[str, Row]:
    variants: dict[str, Callable[[], int]] = {
        "reference": _reference(folder / "raw"),
        "raw": _ours(folder / "raw"),
        "packed": _ours(folder / "packed.zip"),
    }
    peer = _webdataset(folder)
    if peer:
        variants["webdataset"] = peer
    count = variants["packed"]()
    rate = {variant: count / seconds for variant, seconds in interleaved(variants, rounds=rounds).items()}
    rows = {
        f"{name}, one core: packed, decoded and augmented, against torchvision's reference": _row(rate["packed"], rate["reference"], 3.0),
        f"{name}, one core: JPEG files, the same": _row(rate["raw"], rate["reference"], 0.0),
    }
    if peer:
        title = f"{name}, one core: packed, against webdataset with the same JPEGs of 256 px"
        rows[title] = _row(rate["packed"], rate["webdataset"], 0.0)
    return rows


def _row(ours: float, other: float, must: float) -> Row:
    return Row(ours / other, ours, other, "pictures/s", must, None)


def _batches(data: Path) -> AugmentedBatches:
    store = open_images(open_dataset(data), 256, "crop", workers=0, memory_limit_bytes=0)
    return AugmentedBatches(
        store,
        store.readable,
        size=SIZE,
        batch_size=BATCH,
        config=AugmentConfig(),
        pca=None,
        seed=0,
        device=torch.device("cpu"),
    )


def _ours(data: Path) -> Callable[[], int]:
    batches = _batches(data)
    return lambda: sum(len(labels) for _, labels in batches.epoch(0))


def _transform() -> transforms.Compose:
    mean, std = [m / 255 for m in IMAGENET_MEAN], [s / 255 for s in IMAGENET_STD]
    steps = [transforms.RandomResizedCrop(SIZE), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    return transforms.Compose([*steps, transforms.Normalize(mean, std)])


def _reference(raw: Path) -> Callable[[], int]:
    loader = DataLoader(ImageFolder(str(raw), _transform()), BATCH, shuffle=True)
    return lambda: sum(len(labels) for _, labels in loader)


def _webdataset(folder: Path) -> Callable[[], int] | None:
    """The pack's own JPEGs in a webdataset tar, decoded by Pillow and transformed like the reference's."""
    try:
        webdataset: Any = import_module("webdataset")
    except ImportError:
        print("Not compared with webdataset, which is not installed.", file=sys.stderr)
        return None
    dataset = open_dataset(folder / "packed.zip")
    with tarfile.open(folder / "packed.tar", "w") as tar:
        for index, item in enumerate(dataset.items):
            for ending, content in (("jpg", dataset.content(index)), ("cls", str(item.label).encode())):
                member = tarfile.TarInfo(f"{index:06}.{ending}")
                member.size = len(content)
                tar.addfile(member, BytesIO(content))
    transform = _transform()

    def read() -> int:
        samples = webdataset.WebDataset(str(folder / "packed.tar"), shardshuffle=False).shuffle(BATCH).decode("pil").to_tuple("jpg", "cls")
        return sum(len(labels) for _, labels in DataLoader(samples.map_tuple(transform, int), BATCH))

    return read


def _memory(folder: Path) -> dict[str, Row]:
    """Growth of the process's anonymous memory over three epochs, after the first batches."""
    batches = _batches(folder / "packed.zip")
    sizes = [_own_megabytes() for epoch in range(3) for _ in batches.epoch(epoch)]
    growth = max(sizes[4:]) - sizes[4] if len(sizes) > 5 else 0.0
    return {"packed: memory that three epochs add, MB (at most)": Row(MOST_GROWTH / max(growth, 1.0), growth, MOST_GROWTH, "MB", 1.0, None)}


def _own_megabytes() -> float:
    lines = Path("/proc/self/status").read_text().splitlines() if Path("/proc/self/status").exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")), 0.0)


def _opening(folder: Path) -> dict[str, Row]:
    write_generated(folder / "imagenet.zip", IMAGENET)
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        open_dataset(folder / "imagenet.zip")
        seconds.append(time.perf_counter() - started)
    slowest = max(seconds)
    return {f"a pack of {IMAGENET:,} pictures opens in, seconds (must: under 1)": Row(1 / slowest, slowest, 1.0, "s", 1.0, None)}


class _Generated(Dataset):
    """`count` images of a few bytes each, in 1,000 classes like ImageNet."""

    traits = Traits(flip=True, colour=True)

    def __init__(self, count: int) -> None:
        self.name, self.classes = "made", tuple(f"n{label:08}" for label in range(1000))
        self.items = ItemTable.of([Item(f"n{number % 1000:08}/{number}.JPEG", number % 1000, "train") for number in range(count)])

    def content(self, index: int) -> bytes:
        return b"picture"


def write_generated(out: Path, count: int) -> None:
    """Write a pack of generated images, with the functions that write all packs."""
    dataset, record = _Generated(count), np.zeros((), RECORD)
    names, journal = PackedNames(dataset), Journal(out.with_name("made.partial"), {})
    record["kind"], record["native"] = COPIED, (500, 375)
    for index, item in enumerate(dataset.items):
        record["label"] = item.label
        journal.add(record, names.name(index, item).encode(), dataset.content(index))
    tally = footer.tally(journal, len(dataset.classes))
    footer.write_end(dataset, names, journal, tally.facts(dataset, names, 256, 90), tally)
    journal.close()
    journal.finish(out)
