"""Rows are the same from an array and from a memory map, in any order, and the whole set is never copied."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alexnet.models.handcrafted.kernel_maps import Chi2Map
from alexnet.training.svm import rows as module
from alexnet.training.svm.rows import FeatureSet, Rows, mixed_order

CPU = torch.device("cpu")
VECTORS = np.random.default_rng(0).random((150, 9)).astype(np.float16)
LABELS = np.zeros(150, dtype=np.int64)


@given(st.integers(1, 500), st.integers(1, 2_000_000), st.integers(0, 9))
def test_an_order_holds_every_row_once(n: int, row_bytes: int, seed: int) -> None:
    order = mixed_order(n, row_bytes, np.random.default_rng(seed))
    assert np.array_equal(np.sort(order), np.arange(n))


def test_an_order_runs_along_the_disk() -> None:
    order = mixed_order(1_600, 100, np.random.default_rng(0))
    assert (np.diff(order) == 1).mean() > 0.9
    assert len(np.unique(mixed_order(1_600, 2_000_000, np.random.default_rng(0))[:100] // 16)) > 20


def test_rows_are_centred_and_of_norm_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FEWEST_ROWS", 7)
    monkeypatch.setattr(module, "VALUES_AT_A_TIME", 1)
    rows = Rows(FeatureSet(VECTORS, LABELS), CPU)
    rows.centre()
    seen = torch.cat([part.clone() for _, part in rows.chunks()])
    assert seen.shape == (150, 10)
    assert (seen[:, -1] == 1).all()
    assert float(seen[:, :-1].mean(0).abs().max()) < 1e-6
    assert float(seen[:, :-1].square().sum(1).mean()) == pytest.approx(1, abs=1e-5)
    which = np.array([5, 149, 0])
    assert torch.equal(rows.read(which), seen[torch.from_numpy(which)])


def test_a_constant_feature_set_does_not_divide_by_nothing() -> None:
    rows = Rows(FeatureSet(np.ones((10, 3), dtype=np.float16), LABELS[:10]), CPU)
    rows.centre()
    assert rows.read(slice(0, 10)).isfinite().all()


def test_a_read_only_memory_map_gives_the_same_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", VECTORS)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    there, here = Rows(FeatureSet(mapped, LABELS), CPU), Rows(FeatureSet(VECTORS, LABELS), CPU)
    for which in (slice(3, 90), np.array([140, 2, 77])):
        assert torch.equal(there.read(which), here.read(which))


def test_a_map_is_applied_to_what_is_read() -> None:
    rows = Rows(FeatureSet(VECTORS, LABELS), CPU, Chi2Map())
    assert rows.inputs == 27
    assert torch.equal(rows.read(slice(0, 4))[:, :-1], Chi2Map()(torch.from_numpy(VECTORS[:4]).float()))
