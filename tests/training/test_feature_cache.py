"""Features on disk: whole, gone on with, begun anew; what their name depends on."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from alexnet.errors import BadRun
from alexnet.training.feature_cache import LARGEST, FeatureCache, delete_features, digest_of

ROWS, DIMENSIONS = 10, 3
VECTORS = np.random.default_rng(0).normal(size=(ROWS, DIMENSIONS)).astype(np.float32)


class Stopped(Exception):
    """Somebody interrupts the extraction."""


class Extraction:
    """Gives blocks of three rows, stops after some of them, and remembers where it was asked to begin."""

    def __init__(self, blocks: int = 99) -> None:
        self.blocks, self.asked = blocks, list[int]()

    def __call__(self, first: int) -> Iterator[NDArray[np.float32]]:
        self.asked.append(first)
        for number, start in enumerate(range(first, ROWS, 3)):
            if number == self.blocks:
                raise Stopped
            yield VECTORS[start : start + 3]


def cache(folder: Path, key: str = "key") -> FeatureCache:
    return FeatureCache(folder / "features", key, rows=ROWS, dimensions=DIMENSIONS)


def interrupted(folder: Path, blocks: int = 2) -> None:
    with pytest.raises(Stopped):
        cache(folder).fill(Extraction(blocks))


def test_all_rows_in_half_precision(tmp_path: Path) -> None:
    extraction = Extraction()
    rows = cache(tmp_path).fill(extraction)
    assert rows.dtype == np.float16
    np.testing.assert_array_equal(rows, VECTORS.astype(np.float16))
    assert extraction.asked == [0]
    assert cache(tmp_path).bytes == (tmp_path / "features" / "key.f16").stat().st_size == 2 * ROWS * DIMENSIONS
    with pytest.raises(ValueError, match="read-only"):
        rows[0, 0] = 1


def test_what_is_there_is_not_computed_again(tmp_path: Path) -> None:
    cache(tmp_path).fill(Extraction())
    again = Extraction()
    found = cache(tmp_path)
    assert found.done == ROWS
    np.testing.assert_array_equal(found.fill(again), VECTORS.astype(np.float16))
    assert again.asked == []


def test_it_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    interrupted(tmp_path)
    file = np.memmap(tmp_path / "features" / "key.f16", np.float16, "r+", shape=(ROWS, DIMENSIONS))
    file[:6] += 1  # whoever computes these rows again takes this away
    file.flush()
    found, rest = cache(tmp_path), Extraction()
    assert found.done == 6
    rows = found.fill(rest)
    assert rest.asked == [6]
    np.testing.assert_array_equal(rows[:6], VECTORS[:6].astype(np.float16) + 1)
    np.testing.assert_array_equal(rows[6:], VECTORS[6:].astype(np.float16))


def test_interrupted_before_the_first_block_it_begins_at_the_first_row(tmp_path: Path) -> None:
    interrupted(tmp_path, blocks=0)
    np.testing.assert_array_equal(cache(tmp_path).fill(Extraction()), VECTORS.astype(np.float16))


def test_an_extraction_that_ends_early_is_not_taken_for_whole(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="only 4 of 10 rows were computed"):
        cache(tmp_path).fill(lambda first: iter([VECTORS[first:4]]))
    assert cache(tmp_path).done == 4


@pytest.mark.parametrize(
    "damaged",
    ["", "{", "[]", "null", '"6"', "{}", '{"rows": null}', '{"rows": "x"}', '{"rows": -1}', '{"rows": 11}', '{"rows": Infinity}', "\udcff"],
)
def test_damaged_progress_starts_anew(tmp_path: Path, damaged: str) -> None:
    interrupted(tmp_path)
    (tmp_path / "features" / "key.json").write_bytes(damaged.encode("utf-8", "surrogateescape"))
    found, all_of_it = cache(tmp_path), Extraction()
    assert found.done == 0
    np.testing.assert_array_equal(found.fill(all_of_it), VECTORS.astype(np.float16))
    assert all_of_it.asked == [0]


def test_progress_without_its_file_or_with_one_cut_short_starts_anew(tmp_path: Path) -> None:
    interrupted(tmp_path)
    data = tmp_path / "features" / "key.f16"
    data.write_bytes(data.read_bytes()[:-2])
    assert cache(tmp_path).done == 0
    data.unlink()
    assert cache(tmp_path).done == 0
    np.testing.assert_array_equal(cache(tmp_path).fill(Extraction()), VECTORS.astype(np.float16))


def test_progress_is_written_in_one_step(tmp_path: Path) -> None:
    interrupted(tmp_path)
    assert json.loads((tmp_path / "features" / "key.json").read_text()) == {"rows": 6}
    assert sorted(path.name for path in (tmp_path / "features").iterdir()) == ["key.f16", "key.json"]


def test_two_keys_are_two_files(tmp_path: Path) -> None:
    cache(tmp_path, "one").fill(Extraction())
    assert cache(tmp_path, "two").done == 0
    assert cache(tmp_path, "one").done == ROWS


def test_numbers_beyond_half_precision_are_its_largest(tmp_path: Path) -> None:
    wide = np.array([[1e6, -1e9, 65_504.0], [1e-9, -3e4, np.inf]], dtype=np.float32)
    rows = FeatureCache(tmp_path, "wide", rows=2, dimensions=3).fill(lambda first: iter([wide]))
    np.testing.assert_array_equal(rows, [[LARGEST, -LARGEST, LARGEST], [0, -3e4, LARGEST]])


class Usage(NamedTuple):
    """What `shutil.disk_usage` answers."""

    total: int
    used: int
    free: int


def test_a_full_disk_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = FeatureCache(tmp_path, "large", rows=50_000, dimensions=81_920)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**10, 10**10 - 3 * 10**9, 3 * 10**9))
    with pytest.raises(BadRun) as caught:
        large.fill(Extraction())
    assert str(caught.value) == (
        f"The features take 8.2 GB, and {tmp_path} has 3.0 GB left. "
        "Choose an --out on a larger disk, or smaller features: --features.cells 1x1, or --features.gaussians 16."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_margin_is_left_and_a_file_that_is_there_takes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = cache(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, found.bytes + found.bytes // 4 - 1))
    with pytest.raises(BadRun):
        found.fill(Extraction())
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, found.bytes + found.bytes // 4))
    interrupted(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 0))
    np.testing.assert_array_equal(cache(tmp_path).fill(Extraction()), VECTORS.astype(np.float16))


SETTINGS: dict[str, Any] = {"features": {"bins": "4", "step": 4}, "preprocess": {"fit": "squash"}}
TENSORS = {"0.means": torch.arange(6.0).view(2, 3), "0.weights": torch.ones(2)}


def test_the_same_features_have_the_same_name() -> None:
    name = digest_of(SETTINGS, TENSORS, b"pictures")
    assert name == digest_of(dict(reversed(SETTINGS.items())), dict(reversed(TENSORS.items())), b"pictures")
    strided = {"0.means": torch.arange(6.0).view(2, 3).T.contiguous().T, "0.weights": torch.ones(2)}
    assert name == digest_of(SETTINGS, strided, b"pictures")
    assert len(name) == 24


@pytest.mark.parametrize(
    ("settings", "tensors", "content"),
    [
        ({**SETTINGS, "features": {"bins": "4", "step": 2}}, TENSORS, b"pictures"),
        (SETTINGS, {**TENSORS, "0.weights": torch.tensor([1.0, 1.0000001])}, b"pictures"),
        (SETTINGS, {**TENSORS, "0.means": torch.arange(6.0).view(3, 2)}, b"pictures"),
        (SETTINGS, {"1.means": TENSORS["0.means"], "0.weights": TENSORS["0.weights"]}, b"pictures"),
        (SETTINGS, {"0.means": TENSORS["0.means"]}, b"pictures"),
        (SETTINGS, TENSORS, b"picture"),
        (SETTINGS, TENSORS, b"picturse"),
    ],
)
def test_any_change_has_another_name(settings: dict[str, Any], tensors: dict[str, torch.Tensor], content: bytes) -> None:
    assert digest_of(settings, tensors, content) != digest_of(SETTINGS, TENSORS, b"pictures")


def test_features_can_be_forgotten_twice(tmp_path: Path) -> None:
    cache(tmp_path).fill(Extraction())
    delete_features(tmp_path / "features")
    assert not (tmp_path / "features").exists()
    delete_features(tmp_path / "features")
