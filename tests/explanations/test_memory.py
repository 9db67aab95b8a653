"""What an explanation holds at a time: results in arrays that are made once, and nothing of one network while another is computed."""

import subprocess
import sys
import tracemalloc
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from alexnet.data.pipeline.augment import centre_crop
from alexnet.explanations import suspects
from alexnet.explanations.outputs import StageOutputs, outputs_of
from alexnet.explanations.parts import concepts, layers
from alexnet.explanations.subject import Subject
from alexnet.models.networks.model import NetworkModel
from alexnet.models.networks.stages import stages
from alexnet.training.layer_probes import DIMENSIONS, pooled

IMAGES = 150  # more than two batches


@pytest.fixture(scope="module")
def subject(digits_run: Path) -> Subject:
    found = Subject(digits_run, device="cpu")
    found.classifier.precision = "fp32"
    return found


def whole_storage(tensor: Tensor) -> bool:
    """Whether a tensor is all of the memory that it keeps."""
    return tensor.untyped_storage().nbytes() == tensor.nbytes


def test_the_outputs_of_a_pass_are_those_of_all_images_at_once(subject: Subject) -> None:
    indices = subject.split("train")[:IMAGES]
    found = outputs_of(subject, subject.network, indices, peaks=True)
    images = centre_crop(next(subject.store.stream([indices])), subject.size)
    with torch.inference_mode():
        direct = dict(stages(subject.network, images))
    assert list(found) == list(direct)
    for name, values in direct.items():
        peaks = found[name].peaks
        assert peaks is not None
        torch.testing.assert_close(found[name].features, pooled(values), atol=1e-5, rtol=1e-4)
        flat = values.flatten(2) if values.dim() == 4 else values[:, :, None]
        torch.testing.assert_close(peaks.values, flat.amax(2), atol=1e-5, rtol=1e-4)
        at_places = flat.gather(2, peaks.places.long()[:, :, None])[:, :, 0]  # ties may be anywhere
        torch.testing.assert_close(at_places, flat.amax(2), atol=1e-5, rtol=1e-4)
        assert peaks.side == (values.shape[-1] if values.dim() == 4 else 1)


def test_a_pass_holds_one_array_for_each_result_and_no_more(subject: Subject) -> None:
    """The bytes follow from the shapes: a probe's features in single precision, and 8 bytes per channel where peaks are asked for."""
    indices = subject.split("train")[:IMAGES]
    for peaks in (False, True):
        for name, outputs in outputs_of(subject, subject.network, indices, peaks=peaks).items():
            arrays = [outputs.features] if outputs.peaks is None else [outputs.features, outputs.peaks.values, outputs.peaks.places]
            assert all(whole_storage(array) for array in arrays), name
            channels = outputs.peaks.values.shape[1] if outputs.peaks else 0
            assert outputs.features.shape[1] <= DIMENSIONS
            assert outputs.nbytes == 4 * IMAGES * outputs.features.shape[1] + 8 * IMAGES * channels, name


def test_one_networks_outputs_are_freed_before_another_is_computed(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[tuple[int, weakref.ref[Tensor]]] = []

    def watched(subject: Subject, network: NetworkModel, indices: Sequence[int], *, peaks: bool = False) -> dict[str, StageOutputs]:
        others = [tensor for owner, tensor in held if owner != id(network)]
        assert all(tensor() is None for tensor in others)
        found = outputs_of(subject, network, indices[:20], peaks=peaks)
        held.extend((id(network), weakref.ref(one.features)) for one in found.values())
        return found

    monkeypatch.setattr(layers, "outputs_of", watched)
    monkeypatch.setattr(layers, "MOST_TRAINING", 20)
    monkeypatch.setattr(layers, "MOST_VALIDATION", 20)
    monkeypatch.setattr(layers, "MOST_JUDGED", 20)
    layers.make(subject)
    assert len({owner for owner, _ in held}) == 2
    assert all(tensor() is None for _, tensor in held)


def test_concepts_are_held_at_the_sides_of_layers_only(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps of all images at the size of the images would be most of the memory of this part."""
    made: list[weakref.ref[Tensor]] = []
    whole = concepts.concept_maps

    def watched(images: Tensor) -> Tensor:
        assert all(tensor() is None for tensor in made)
        assert len(images) <= concepts.AT_ONCE
        maps = whole(images)
        made.append(weakref.ref(maps))
        return maps

    monkeypatch.setattr(concepts, "concept_maps", watched)
    monkeypatch.setattr(concepts, "AT_ONCE", 7)
    concepts.make(subject)
    assert len(made) > 2


def test_leaving_one_out_holds_the_rows_once_and_one_product(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 500 images with 600 numbers: the rows in double precision, their product with themselves, and 20 vectors three times over."""
    monkeypatch.setattr(suspects, "MOST_DIMENSIONS", 20)
    count, dimensions = 500, 600
    random = np.random.default_rng(0)
    rows, labels = random.normal(size=(count, dimensions)).astype(np.float32), random.integers(0, 4, count)
    tracemalloc.start()
    suspects.leave_one_out(rows, labels, 4)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * (count * dimensions + count * count + 3 * count * 20) + 500_000


PROGRAM = """
import numpy as np
from alexnet.runtime.machine import keep_freed_memory, release_freed_memory

def resident():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS")) // 1024

keep_freed_memory()
large, small = [], []
for _ in range(20):
    large.append(np.ones(10 << 20, np.uint8))
    small.append(np.ones(1_000, np.uint8))  # between the large blocks, so that the heap cannot shrink
print(resident())
del large
print(resident())
release_freed_memory()
print(resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's heap")
def test_freed_memory_goes_back_also_from_the_middle_of_the_heap() -> None:
    answer = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    full, kept, released = map(int, answer.stdout.split())
    assert kept > full - 20
    assert released < full - 180
