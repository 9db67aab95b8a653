"""Fitted images: in memory and streamed, the same bytes whatever the workers; and the refusals before training."""

import io
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from alexnet.data.dataset import Dataset
from alexnet.data.fingerprints import Skipped
from alexnet.data.images.decode import decode
from alexnet.data.images.pillow import HEIC_REASON
from alexnet.data.images.resize import fit_square
from alexnet.data.open import open_dataset
from alexnet.data.pipeline.image_store import check_readable, heic_remark, open_images
from alexnet.errors import BadDataset, UnreadableImage
from alexnet.runtime.machine import available_bytes

BATCHES = [[5, 3, 1], [0], [7, 7, 2, 250], list(range(100, 164))]


def png(seed: int, width: int = 20, height: int = 14) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def write(folder: Path, sound: dict[str, int], broken: dict[str, int]) -> Dataset:
    for class_name in sound.keys() | broken.keys():
        (folder / class_name).mkdir(parents=True)
        for number in range(sound.get(class_name, 0)):
            (folder / class_name / f"{number:03d}.png").write_bytes(png(number))
        for number in range(broken.get(class_name, 0)):
            (folder / class_name / f"broken{number}.png").write_bytes(png(number)[:100])
    return open_dataset(folder)


@pytest.mark.parametrize("workers", [0, 2])
def test_in_memory_and_streamed_are_the_same(digits_folder: Path, workers: int) -> None:
    dataset = open_dataset(digits_folder)
    kept = open_images(dataset, 12, "crop", workers=workers)
    streamed = open_images(dataset, 12, "crop", workers=workers, memory_limit_bytes=0)
    assert (kept.in_memory, streamed.in_memory) == (True, False)
    for batch, one, other in zip(BATCHES, kept.stream(BATCHES), streamed.stream(BATCHES), strict=True):
        assert one.dtype == torch.uint8
        assert one.shape == (len(batch), 3, 12, 12)
        assert torch.equal(one, other)
        expected = fit_square(decode(dataset.content(batch[0]), "a"), 12, "crop")
        assert torch.equal(one[0], expected)
    assert torch.equal(kept.square(5), streamed.square(5))


def test_arrays_are_the_same_in_both_ways() -> None:
    dataset = open_dataset("digits")
    kept = open_images(dataset, 32, "squash", workers=0)
    streamed = open_images(dataset, 32, "squash", workers=0, memory_limit_bytes=0)
    for one, other in zip(kept.stream(BATCHES), streamed.stream(BATCHES), strict=True):
        assert torch.equal(one, other)
    assert kept.readable == tuple(range(1797))
    assert kept.native[0].tolist() == [8, 8]


def test_batches_may_be_endless_and_tensors(digits_folder: Path) -> None:
    def forever() -> object:
        while True:
            yield torch.tensor([1, 2])

    store = open_images(open_dataset(digits_folder), 8, "crop", workers=0, memory_limit_bytes=0)
    stream = store.stream(forever())  # type: ignore[arg-type]  # a tensor of indices is a sequence in all but name
    assert torch.equal(next(stream), next(stream))


def test_streaming_leaves_the_random_numbers_of_the_run_alone(digits_folder: Path) -> None:
    store = open_images(open_dataset(digits_folder), 8, "crop", workers=0, memory_limit_bytes=0)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    list(store.stream(BATCHES))
    assert torch.equal(torch.rand(3), expected)


def test_unreadable_files_are_skipped_and_listed(tmp_path: Path) -> None:
    dataset = write(tmp_path, {"cat": 39, "dog": 30}, {"cat": 1})
    store = open_images(dataset, 8, "crop", workers=2)
    assert store.skipped == (Skipped("cat/broken0.png", "cat", "is cut short"),)
    broken = next(index for index, item in enumerate(dataset.items) if "broken" in item.name)
    assert store.readable == tuple(index for index in range(70) if index != broken)
    assert store.labels.tolist() == [0] * 40 + [1] * 30
    assert store.native[broken].tolist() == [0, 0]
    assert store.native[0].tolist() == [20, 14]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_image_that_is_gone_is_named(tmp_path: Path, workers: int) -> None:
    dataset = write(tmp_path, {"cat": 3, "dog": 3}, {})
    store = open_images(dataset, 8, "crop", workers=workers, memory_limit_bytes=0)
    (tmp_path / "dog" / "001.png").unlink()
    with pytest.raises(UnreadableImage, match=r"dog/001\.png cannot be opened"):
        list(store.stream([[0, 1], [3, 4]]))


def test_over_five_percent_of_a_class_ends_it(tmp_path: Path) -> None:
    dataset = write(tmp_path, {"cat": 18, "dog": 100}, {"cat": 1, "dog": 5})
    with pytest.raises(BadDataset) as caught:
        open_images(dataset, 8, "crop", workers=0)
    message = str(caught.value)
    assert "Over 5% of the pictures of a class cannot be read ('cat': 1 of 19)" in message
    assert "cat/broken0.png is cut short" in message
    assert f"`alexnet inspect {dataset.name}`" in message
    assert len(open_images(dataset, 8, "crop", workers=0, check=False).readable) == 118


def test_one_class_ends_it(tmp_path: Path) -> None:
    with pytest.raises(BadDataset, match="has only one class with pictures, 'cat'; training needs at least 2"):
        open_images(write(tmp_path, {"cat": 5}, {}), 8, "crop", workers=0)


def test_exactly_five_percent_is_allowed(tmp_path: Path) -> None:
    dataset = write(tmp_path, {"cat": 19, "dog": 20}, {"cat": 1})
    check_readable(dataset, [Skipped("cat/broken0.png", "cat", "is cut short")])


def test_the_share_that_may_be_unreadable(tmp_path: Path) -> None:
    dataset = write(tmp_path, {"cat": 3, "dog": 20}, {"cat": 2})
    broken = [Skipped(f"cat/broken{number}.png", "cat", "is cut short") for number in range(2)]
    check_readable(dataset, broken, 0.4)
    with pytest.raises(BadDataset, match=r"Over 39% of the pictures of a class cannot be read \('cat': 2 of 5\).*--max-unreadable"):
        check_readable(dataset, broken, 0.39)


def test_heic_photos_are_counted_apart(tmp_path: Path) -> None:
    dataset = write(tmp_path, {"cat": 20, "dog": 20}, {})
    photos = [Skipped(item.name, "cat", HEIC_REASON) for item in dataset.items[:19]]
    check_readable(dataset, photos)
    assert heic_remark(photos) == "19 of the files are HEIC photos: pip install '.[heic]' makes them readable."
    with pytest.raises(BadDataset, match=r"Over 5% of the pictures of a class cannot be read \('cat': 1 of 1\)"):
        check_readable(dataset, [*photos, Skipped(dataset.items[19].name, "cat", "is cut short")])
    with pytest.raises(BadDataset, match=r"only one class with pictures, 'dog'; training needs at least 2. 20 of the files are HEIC"):
        check_readable(dataset, [Skipped(item.name, "cat", HEIC_REASON) for item in dataset.items[:20]])


def test_progress_is_told_in_this_thread(digits_folder: Path) -> None:
    heard: list[tuple[int, int]] = []
    threads: set[str] = set()

    def listen(done: int, count: int) -> None:
        heard.append((done, count))
        threads.add(threading.current_thread().name)

    open_images(open_dataset(digits_folder), 8, "crop", workers=2, on_progress=listen)
    assert heard[-1] == (300, 300)
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert threads == {threading.current_thread().name}


def test_a_listener_that_stops_stops_the_pass(digits_folder: Path) -> None:
    def stop(done: int, count: int) -> None:
        raise KeyboardInterrupt

    threads = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt):
        open_images(open_dataset(digits_folder), 8, "crop", workers=2, on_progress=stop)
    assert torch.get_num_threads() == threads


def test_some_memory_is_free() -> None:
    assert 0 < available_bytes() < 1 << 50


@pytest.mark.slow
def test_workers_read_one_zip_together(shared_data: Path) -> None:
    dataset = open_dataset(shared_data / "sign-digits.zip")
    kept = open_images(dataset, 32, "crop", workers=2)
    streamed = open_images(dataset, 32, "crop", workers=2, memory_limit_bytes=0)
    batches = [list(range(start, start + 128)) for start in range(0, 1024, 128)]
    assert all(torch.equal(one, other) for one, other in zip(kept.stream(batches), streamed.stream(batches), strict=True))
    assert int(kept.native.max()) == 3024


def test_fashion_mnist_takes_seconds(fashion_mnist: Dataset) -> None:
    store = open_images(fashion_mnist, 32, "crop", workers=0)
    assert store.in_memory
    assert len(store.readable) == 70_000
    assert torch.equal(store.square(123), fashion_mnist.fitted(123, 32, "crop")[0])
