"""Files with changed bytes, for each format of which a parser is ours: what is read is refused with a message, or is a result.

The parsers that are ours: the walk through a tar's headers (data/sources/tar.py), the members of a zip (data/sources/zip.py), the index of
a pack (data/packs/index.py), and the headers of images (data/images/headers.py). A safetensors header is parsed by its library, a torch
file by torch, an .npz by NumPy, images by Pillow and libjpeg: their errors are ours to turn into messages. The IDX files of Fashion-MNIST
are verified by checksum before they are parsed. $ALEXNET_EXAMPLES sets the number of changes of each file.
"""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save
from tests.attacks import attacked
from tests.mutations import mutations

from alexnet.data.images.decode import decode
from alexnet.data.images.headers import plain_header
from alexnet.data.open import open_dataset
from alexnet.data.packs.writer import pack
from alexnet.errors import AlexNetError, UnreadableImage
from alexnet.models.weights.files import read_file
from alexnet.models.weights.load import read_weights
from alexnet.models.weights.registry import FORMS
from alexnet.storage.tensors import read_tensors


def image_bytes(number: int, kind: str = "PNG", **options: object) -> bytes:
    noise = np.random.default_rng(number).integers(0, 256, (9 + number, 12, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, kind, **options)
    return out.getvalue()


def class_folders(folder: Path) -> Path:
    for number in range(6):
        place = folder / "photos" / ("cat", "dog")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(image_bytes(number))
    return folder / "photos"


def tar_of(folder: Path, mode: str, kind: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=kind) as archive:  # type: ignore[call-overload]
        archive.add(folder, "photos")
        archive.add(next((folder / "cat").iterdir()), "photos/cat/" + "long " * 40 + ".png")
    return out.getvalue()


def zip_of(folder: Path, method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, file.relative_to(folder.parent))
    return out.getvalue()


def packed(folder: Path) -> bytes:
    pack(open_dataset(folder), folder.parent / "pack.zip", size=16)
    return (folder.parent / "pack.zip").read_bytes()


ARCHIVES: dict[str, Callable[[Path], bytes]] = {
    "gnu.tar": lambda folder: tar_of(folder, "w", tarfile.GNU_FORMAT),
    "pax.tar": lambda folder: tar_of(folder, "w", tarfile.PAX_FORMAT),
    "gnu.tar.gz": lambda folder: tar_of(folder, "w:gz", tarfile.GNU_FORMAT),
    "stored.zip": lambda folder: zip_of(folder, zipfile.ZIP_STORED),
    "deflated.zip": lambda folder: zip_of(folder, zipfile.ZIP_DEFLATED),
    "rare.zip": lambda folder: zip_of(folder, zipfile.ZIP_BZIP2),
    "pack.zip": packed,
}


def opened_and_read(path: Path) -> None:
    dataset = open_dataset(path)
    for index in range(len(dataset.items)):
        try:
            decode(dataset.content(index), dataset.items[index].name)
            dataset.header(index)
        except UnreadableImage:
            pass


def survives(content: bytes, path: Path, read: Callable[[Path], object], seed: int) -> None:
    """Each change of the content is read, or refused with a message."""
    for number, changed in enumerate(mutations(content, seed=seed)):
        file = path.with_name(f"{number}-{path.name}")  # a new name: the last file may still be mapped
        file.write_bytes(changed)
        try:
            read(file)
        except AlexNetError as error:
            assert str(error)  # noqa: PT017 - either way is right; what is not is another exception
        file.unlink()
    attacked(f"files with changed bytes: {path.name}", number + 1)


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives(name: str, tmp_path: Path) -> None:
    survives(ARCHIVES[name](class_folders(tmp_path)), tmp_path / name, opened_and_read, seed=1)


KINDS = [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("GIF", {}), ("BMP", {}), ("WEBP", {}), ("TIFF", {}), ("PPM", {})]


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=[f"{kind}{len(options)}" for kind, options in KINDS])
def test_images(kind: str, options: dict[str, object]) -> None:
    for changed in mutations(image_bytes(3, kind, **options), seed=2):
        attacked(f"images with changed bytes: {kind}")
        plain_header(changed)
        try:
            assert decode(changed, "x").dtype == torch.uint8
        except UnreadableImage as error:
            assert str(error)  # noqa: PT017


def weights() -> dict[str, torch.Tensor]:
    return {"features.0.weight": torch.ones(4, 3, 2, 2), "features.0.bias": torch.arange(4.0)}


def torch_bytes(*, as_zip: bool) -> bytes:
    out = io.BytesIO()
    torch.save(weights(), out, _use_new_zipfile_serialization=as_zip)
    return out.getvalue()


def array_bytes() -> bytes:
    out = io.BytesIO()
    np.savez(out, **{name: value.numpy() for name, value in weights().items()})  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize("name", ["w.safetensors", "zip.pth", "plain.pth"])
def test_weights(name: str, tmp_path: Path) -> None:
    content = save(weights(), {"state": "{}"}) if name.endswith("safetensors") else torch_bytes(as_zip=name == "zip.pth")
    survives(content, tmp_path / name, lambda file: read_weights(str(file)), seed=3)


def test_tensors_of_a_run(tmp_path: Path) -> None:
    survives(save(weights(), {"state": "{}"}), tmp_path / "model.safetensors", read_tensors, seed=4)


@pytest.mark.filterwarnings("ignore")  # zipfile mentions names that are there twice
def test_arrays(tmp_path: Path) -> None:
    survives(array_bytes(), tmp_path / "w.npz", lambda file: read_file(file, FORMS["caffe"]), seed=5)


def test_the_same_seed_makes_the_same_changes() -> None:
    content = bytes(range(256)) * 4
    assert list(mutations(content, seed=1, count=20)) == list(mutations(content, seed=1, count=20))
    assert len(set(mutations(content, seed=1, count=50))) > 45
