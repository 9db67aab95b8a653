"""What a device says of its memory: a GPU counts its own, a CPU has none."""

import pytest
import torch

from alexnet.runtime.device import free_device_memory, peak_device_memory, reset_peak_device_memory, synchronize

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


def test_a_cpu_has_no_memory_of_its_own() -> None:
    cpu = torch.device("cpu")
    synchronize(cpu)
    reset_peak_device_memory(cpu)
    assert peak_device_memory(cpu) is None
    assert free_device_memory(cpu) is None


@needs_gpu
def test_the_peak_of_a_gpu_is_that_since_the_last_reset() -> None:
    gpu = torch.device("cuda")
    large = torch.zeros(64 << 20, dtype=torch.uint8, device=gpu)
    peak, free = peak_device_memory(gpu), free_device_memory(gpu)
    assert peak is not None
    assert free is not None
    assert peak >= large.nbytes
    assert free > 0
    del large
    reset_peak_device_memory(gpu)
    assert peak_device_memory(gpu) <= peak - (64 << 20)  # type: ignore[operator]  # not None here
