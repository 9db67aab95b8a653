"""Batches one ahead: the same batches, made by a thread that is never further ahead, passes its errors on and ends with the epoch."""

import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import torch
from torch import Tensor

from alexnet.data.open import open_dataset
from alexnet.data.pipeline.augment import AugmentConfig
from alexnet.data.pipeline.batches import AugmentedBatches, plain_batches
from alexnet.data.pipeline.image_store import ImageStore, open_images, sent
from alexnet.data.pipeline.prefetch import Batch, Batches, batch_stream, one_ahead, staged
from alexnet.errors import UnreadableImage

CPU, META = torch.device("cpu"), torch.device("meta")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


class Recorded:
    """A stream that writes down what happens to each batch, and by which thread."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.received: list[tuple[object, str]] = []

    def produce(self, batches: Batches) -> Generator[tuple[Batch, object], None, None]:
        with closing(batches):
            for number, batch in enumerate(batches):
                self.made.append(threading.current_thread().name)
                yield batch, number

    def receive(self, batch: Batch, made: object) -> Batch:
        self.received.append((made, threading.current_thread().name))
        return batch


class Counted:
    """Numbers that are counted as they are made; `reached` waits for one."""

    def __init__(self, count: int, fails_at: int = -1) -> None:
        self.count, self.fails_at = count, fails_at
        self.made, self.closed_by, self.moved = 0, "", threading.Condition()

    def numbers(self) -> Generator[int, None, None]:
        try:
            for number in range(self.count):
                if number == self.fails_at:
                    raise UnreadableImage("a.png", "is cut short")
                with self.moved:
                    self.made = number + 1
                    self.moved.notify_all()
                yield number
        finally:
            self.closed_by = threading.current_thread().name

    def reached(self, count: int) -> bool:
        with self.moved:
            return self.moved.wait_for(lambda: self.made >= count, timeout=60.0)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_the_items_are_the_same_in_the_same_order() -> None:
    assert list(one_ahead(Counted(50).numbers())) == list(range(50))
    assert list(one_ahead(Counted(0).numbers())) == []
    assert threads() == []


def test_the_next_item_is_made_while_one_is_used_and_no_other() -> None:
    counted = Counted(6)
    with closing(one_ahead(counted.numbers())) as items:
        for number in items:
            assert counted.reached(min(number + 2, 6))  # without being asked for
            assert counted.made <= number + 2


@pytest.mark.parametrize("fails_at", [0, 1, 4])
def test_an_error_comes_where_its_item_would_have(fails_at: int) -> None:
    counted, seen = Counted(6, fails_at), list[int]()
    with pytest.raises(UnreadableImage, match=r"a\.png is cut short"):
        seen.extend(one_ahead(counted.numbers()))
    assert seen == list(range(fails_at))
    assert threads() == []


@pytest.mark.parametrize("fails_at", [-1, 2])
def test_closed_early_the_thread_closes_the_items_and_ends(fails_at: int) -> None:
    counted = Counted(6, fails_at)
    with closing(one_ahead(counted.numbers())) as items:
        assert [next(items), next(items)] == [0, 1]
        assert len(threads()) == 1
    assert threads() == []
    assert counted.closed_by.startswith("batches")
    assert counted.made <= 3


def test_batches_are_made_by_the_thread_and_received_by_the_training() -> None:
    def batches() -> Batches:
        for number in range(3):
            yield torch.tensor([number]), torch.tensor([number])

    stream = Recorded()
    assert [int(images) for images, _ in staged(batches(), stream)] == [0, 1, 2]
    assert len(stream.made) == 3
    assert all(name.startswith("batches") for name in stream.made)
    assert stream.received == [(number, threading.current_thread().name) for number in range(3)]


def test_a_cpu_makes_its_batches_when_they_are_asked_for() -> None:
    assert batch_stream(CPU) is None
    counted = Counted(3)
    batches = staged(((torch.tensor(number),) * 2 for number in counted.numbers()), None)
    for number in range(3):
        next(batches)
        assert counted.made == number + 1


def augmented(store: ImageStore, stream: Recorded | None, device: torch.device = CPU) -> AugmentedBatches:
    config = AugmentConfig(crop_padding=1, brightness=0.3, colour_temperature=0.1, cutout=3)
    return AugmentedBatches(store, range(70), size=10, batch_size=32, config=config, pca=None, seed=3, device=device, stream=stream)


def same(ours: Iterator[tuple[Tensor, Tensor]], theirs: Iterator[tuple[Tensor, Tensor]]) -> int:
    count = 0
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one[0].cpu(), other[0])
        assert torch.equal(one[1].cpu(), other[1])
        count += 1
    return count


@pytest.mark.parametrize(("limit", "workers"), [(None, 0), (0, 0), (0, 2)], ids=["memory", "streamed", "worker processes"])
def test_augmented_and_plain_batches_are_the_same_one_ahead(digits_folder: Path, limit: int | None, workers: int) -> None:
    store = open_images(open_dataset(digits_folder), 12, "crop", workers=workers, memory_limit_bytes=limit)
    for epoch, first in ((0, 0), (5, 1)):
        stream = Recorded()
        assert same(augmented(store, stream).epoch(epoch, first), augmented(store, None).epoch(epoch, first)) == 3 - first
        assert len(stream.received) == 3 - first
    stream = Recorded()
    ours = plain_batches(store, range(9), size=10, batch_size=4, device=CPU, stream=stream)
    assert same(ours, plain_batches(store, range(9), size=10, batch_size=4, device=CPU)) == 3
    assert len(stream.received) == 3


def test_an_image_that_cannot_be_read_ends_the_epoch_with_its_name(digits_folder: Path) -> None:
    dataset = open_dataset(digits_folder)
    store = open_images(dataset, 12, "crop", workers=0, memory_limit_bytes=0)
    broken = digits_folder / dataset.items[40].name
    content = broken.read_bytes()
    broken.write_bytes(content[: len(content) // 2])
    try:
        with pytest.raises(UnreadableImage, match=broken.name):
            list(augmented(store, Recorded()).epoch(0))
    finally:
        broken.write_bytes(content)
    assert threads() == []


def test_squares_live_on_the_device_where_they_take_under_a_third_of_what_is_free() -> None:
    dataset = open_dataset("digits")
    size = len(dataset.items) * 3 * 8 * 8
    for free, fits in ((3 * size + 1, True), (3 * size, False), (0, False), (None, False)):
        store = open_images(dataset, 8, "squash", workers=0)
        squares = store.squares_on(META, lambda device, free=free: free)  # type: ignore[misc]
        assert (squares is not None) is fits
        assert squares is None or (squares.device, squares.shape) == (META, (len(dataset.items), 3, 8, 8))


def test_squares_are_copied_once_and_only_those_in_memory() -> None:
    dataset, asked = open_dataset("digits"), list[torch.device]()

    def much(device: torch.device) -> int:
        asked.append(device)
        return 1 << 40

    store = open_images(dataset, 8, "squash", workers=0)
    assert store.squares_on(META, much) is store.squares_on(META, much)
    assert asked == [META]
    assert open_images(dataset, 8, "squash", workers=0, memory_limit_bytes=0).squares_on(META, much) is None


def test_squares_on_a_device_are_indexed_there() -> None:
    store = open_images(open_dataset("digits"), 8, "squash", workers=0)
    assert store.squares_on(META, lambda device: 1 << 40) is not None
    assert [images.device for images in store.stream([[1, 2], [3]], META)] == [META, META]
    assert store.squares_on(CPU) is None  # they are there already
    assert [images.device for images in store.stream([[1, 2], [3]])] == [CPU, CPU]


def test_what_is_sent_to_a_cpu_is_not_copied() -> None:
    images = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    assert sent(images, CPU) is images


@needs_gpu
@pytest.mark.parametrize("limit", [None, 0], ids=["squares on the GPU", "pinned and copied"])
def test_batches_made_on_a_gpu_are_those_of_the_cpu(digits_folder: Path, limit: int | None) -> None:
    store = open_images(open_dataset(digits_folder), 12, "crop", workers=0, memory_limit_bytes=limit)
    gpu = torch.device("cuda")
    assert same(augmented(store, None, gpu).epoch(2), augmented(store, None).epoch(2)) == 3
    assert (store.squares_on(gpu) is None) is (limit == 0)
