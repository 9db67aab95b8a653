"""Workers of one machine decode their images once, into memory that all of them see."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from tests.training.parallel.workers import together
from torch._C._distributed_c10d import HashStore

from alexnet.data.fingerprints import Fingerprints, Skipped, Survey
from alexnet.data.open import open_dataset
from alexnet.data.packs.writer import pack
from alexnet.data.pipeline import image_store, shared_memory
from alexnet.data.pipeline.image_store import ImageStore, open_images
from alexnet.data.pipeline.shared_memory import SharedReading, can_share, packed, unpacked
from alexnet.errors import WorkerLost
from alexnet.runtime.distributed import ALONE, Workers

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="memory without a file is Linux's")

SIZE, CLASSES, OF_EACH = 12, ("cat", "dog"), 21
BROKEN = "dog/hör auf \udcff.png"  # a file name that is no UTF-8

# What a file system can name a file: bytes that are no UTF-8 become lone surrogates.
NAMES = st.binary(max_size=12).map(lambda name: name.replace(b"\0", b"").decode("utf-8", "surrogateescape"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | NAMES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, draw = tmp_path_factory.mktemp("machine"), np.random.default_rng(4)
    for name in CLASSES:
        (root / name).mkdir()
        for number in range(OF_EACH):
            pixels = draw.integers(0, 256, (14, 18, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"ü{number:02d}.png")
    (root / BROKEN).write_bytes(b"\x89PNG\r\n\x1a\n no picture")
    return root


def opened(world: Workers, folder: Path, limit: int | None) -> tuple[ImageStore, int]:
    """The images, and how many files this worker has decoded for them."""
    dataset, decoded = open_dataset(folder), 0
    fitted = dataset.fitted

    def counted(*words: Any) -> Any:
        nonlocal decoded
        decoded += 1
        return fitted(*words)

    vars(dataset)["fitted"] = counted
    return open_images(dataset, SIZE, "crop", workers=0, memory_limit_bytes=limit, world=world), decoded


def read(world: Workers, folder: Path, limit: int | None) -> dict[str, Any]:
    """What one worker has of the images; the last worker writes into its squares."""
    store, decoded = opened(world, folder, limit)
    batch = next(store.stream([[0, 5, 40, 2]]))
    world.wait()
    if store.squares is not None and world.rank == world.size - 1:
        store.squares[3].fill_(77)
    world.wait()
    return {
        "decoded": decoded,
        "batch": batch,
        "written": None if store.squares is None else store.squares[3].unique().tolist(),
        "skipped": store.skipped,
        "readable": store.readable,
        "native": store.native,
        "prints": store.fingerprints,
        "files": [str(file.resolve()) for file in Path("/proc/self/fd").iterdir()],
    }


@pytest.mark.parametrize("limit", [None, 0], ids=["in memory", "streamed"])
@pytest.mark.parametrize("workers", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_the_workers_of_a_machine_share_one_reading(workers: int, limit: int | None, folder: Path) -> None:
    one, decoded = opened(ALONE, folder, limit)
    expected = next(one.stream([[0, 5, 40, 2]]))
    answers = together(read, workers, folder, limit)
    assert decoded == 2 * OF_EACH + 1
    assert [answer["decoded"] for answer in answers] == [decoded] + [0] * (workers - 1), "each file is decoded once"
    assert one.skipped[0].name == BROKEN
    for answer in answers:
        assert torch.equal(answer["batch"], expected)
        assert (answer["skipped"], answer["readable"]) == (one.skipped, one.readable)
        assert torch.equal(answer["native"], one.native)
        assert np.array_equal(answer["prints"].digests, one.fingerprints.digests)
        assert np.array_equal(answer["prints"].thumbnails, one.fingerprints.thumbnails)
        assert answer["written"] == (None if limit == 0 else [77]), "what one writes, all see"
        assert not any("alexnet-" in file for file in answer["files"]), "the files are let go of"


def test_a_pack_that_memory_cannot_hold_is_streamed_and_not_read_before(folder: Path, tmp_path: Path) -> None:
    """Its index knows what a reading would find; each worker decodes only what it streams."""
    packed_folder = tmp_path / "pack.zip"
    pack(open_dataset(folder), packed_folder, size=16)
    one, decoded = opened(ALONE, packed_folder, 0)
    assert decoded == 0
    expected = next(one.stream([[0, 5, 40, 2]]))
    for answer in together(read, 2, packed_folder, 0):
        assert (answer["decoded"], answer["written"]) == (0, None)
        assert torch.equal(answer["batch"], expected)
        assert (answer["skipped"], answer["readable"]) == (one.skipped, one.readable)


def test_one_worker_of_a_machine_reads_for_itself() -> None:
    assert not can_share(ALONE)
    assert not can_share(Workers(rank=1, size=2, local_rank=0, local_size=1))
    assert can_share(Workers(rank=1, size=2, local_rank=1, local_size=2))


@given(data=st.data(), count=st.integers(0, 5))
def test_a_survey_survives_the_way(data: st.DataObject, count: int) -> None:
    prints = Fingerprints(
        data.draw(arrays.arrays(np.uint64, count)),
        data.draw(arrays.arrays(np.uint8, (count, 16, 16), elements=st.just(9) | st.integers(0, 255), fill=st.just(0))),
        data.draw(arrays.arrays(np.bool_, count)),
    )
    skipped = data.draw(st.lists(st.builds(Skipped, NAMES, TEXTS, TEXTS), max_size=4))
    modes = tuple(data.draw(st.lists(st.sampled_from(["RGB", "L", "", "CMYK"]), min_size=count, max_size=count)))
    before = Survey(prints, data.draw(arrays.arrays(np.int32, (count, 2))), modes, tuple(skipped))
    after = unpacked(packed(before))
    assert (after.modes, after.skipped) == (before.modes, before.skipped)
    assert after.native.dtype == np.int32
    assert np.array_equal(after.native, before.native)
    for name in ("digests", "thumbnails", "readable"):
        mine, its = getattr(after.fingerprints, name), getattr(prints, name)
        assert mine.dtype == its.dtype
        assert np.array_equal(mine, its)
    assert after.readable == before.readable


def waiting(monkeypatch: pytest.MonkeyPatch, world: Workers) -> SharedReading:
    monkeypatch.setattr(shared_memory, "POLL_SECONDS", 0.0)
    monkeypatch.setenv("ALEXNET_STALL_SECONDS", "30")
    return SharedReading(world, 0)


class Clock:
    """A clock that moves by 20 seconds each time that it is asked; the reading goes on for so many times."""

    def __init__(self, world: Workers, beats: int) -> None:
        self.world, self.beats, self.now = world, beats, 0.0

    def __call__(self) -> float:
        self.now += 20.0
        if self.now <= 20.0 * self.beats:
            self.world.store.set("reading/2/0/done", str(self.now))
        return self.now


@pytest.mark.parametrize("beats", [0, 40])
def test_a_reading_that_stops_is_not_waited_for_without_end(beats: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker 3 is the second of its machine, whose first is worker 2."""
    world = Workers(rank=3, size=4, local_rank=1, local_size=2, store=HashStore())
    clock = Clock(world, beats)
    monkeypatch.setattr("time.monotonic", clock)
    with pytest.raises(WorkerLost) as loss:
        waiting(monkeypatch, world).receive()
    assert str(loss.value) == "Worker 2 has read no picture for 30 s. Start all workers again with --resume."
    assert clock.now >= 20.0 * beats, "as long as pictures are read it goes on"


def test_progress_is_told_to_the_others_and_to_the_listener() -> None:
    world, heard = Workers(rank=2, size=4, local_rank=0, local_size=2, store=HashStore()), []
    SharedReading(world, 7).heartbeat(lambda *step: heard.append(step))(5, 9)
    SharedReading(world, 7).heartbeat(None)(6, 9)
    assert heard == [(5, 9)]
    assert world.store.get("reading/2/7/done") == b"6"


def test_workers_that_cannot_share_divide_the_memory(monkeypatch: pytest.MonkeyPatch, digits_folder: Path) -> None:
    dataset, needed = open_dataset(digits_folder), 300 * 3 * 8 * 8
    monkeypatch.setattr(image_store, "can_share", lambda world: False)
    monkeypatch.setattr(image_store, "available_bytes", lambda: int(needed / image_store.MEMORY_SHARE * 1.5))
    alone = open_images(dataset, 8, "crop", workers=0)
    one_of_two = open_images(dataset, 8, "crop", workers=0, world=Workers(rank=0, size=2, local_rank=0, local_size=2))
    assert (alone.in_memory, one_of_two.in_memory) == (True, False)
