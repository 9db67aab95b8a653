"""What of the gradients goes over the wire: all of it or half of it, and what the half costs; and that nothing of it is averaged."""

from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
import torch
import torch.distributed as dist
from tests.training.parallel.cases import CLASSES, CONFIG, IMAGES, SIZE, SMALL, Case, new_model, store
from tests.training.parallel.workers import together
from torch import Tensor
from torch.nn import functional

from alexnet.runtime.distributed import Workers
from alexnet.training.parallel.registry import parallelize

BF16_STEP = 2.0**-7  # from 1 to the next number of bf16; a rounding is wrong by half of it, and both what is sent and the sum are rounded


def gradients(world: Workers, layout: str, precision: Any) -> tuple[dict[str, Tensor], dict[str, Tensor], int]:
    """The gradients after three batches' worth of backward passes, this worker's own share of them, and the bytes of each pass."""
    case = Case(choices=replace(SMALL, dropout=0.0), config=replace(CONFIG, wire_precision=precision, precision="fp32"))
    plain, model = new_model(case).float(), new_model(case).float()
    out = parallelize(model, layout, world, case.config)
    share = slice(3 * world.rank, 3 * world.rank + 3)
    images, labels = next(store().stream([range(IMAGES)]))[share, :, :SIZE, :SIZE], torch.arange(3) % CLASSES
    sent: list[int] = []
    send = dist.all_reduce

    def counted(numbers: Tensor, **words: Any) -> Any:
        sent.append(numbers.numel() * numbers.element_size())
        return send(numbers, **words)

    functional.cross_entropy(plain(images), labels, reduction="sum").backward()
    for _ in range(3):
        model.zero_grad()
        sent.clear()
        with patch.object(dist, "all_reduce", counted):
            functional.cross_entropy(out.forward(images), labels, reduction="sum").backward()
    own = {name: one.grad.clone() for name, one in plain.named_parameters()}
    return {name: one.grad.clone() for name, one in model.named_parameters() if not hasattr(one.grad, "to_local")}, own, sum(sent)


@pytest.mark.parametrize("layout", ["data", pytest.param("hybrid", marks=pytest.mark.slow)])
def test_bf16_halves_the_bytes_and_rounds_no_more_than_it_must(layout: str) -> None:
    exact, rounded = together(gradients, 2, layout, "exact"), together(gradients, 2, layout, "bf16")
    shared = exact[0][0].keys()
    assert sum("features" in name for name in shared) == 10
    assert exact[0][2] == 4 * sum(one.numel() for one in exact[0][0].values())
    assert rounded[0][2] * 2 == exact[0][2]
    differ = 0
    for name in shared:
        added = torch.stack([own[name].double() for _, own, _ in exact]).sum(0) if layout == "data" else exact[0][0][name].double()
        sizes = torch.stack([own[name].double().abs() for _, own, _ in exact]).sum(0)
        assert torch.equal(rounded[0][0][name], rounded[1][0][name]), "all workers get the same"
        assert rounded[0][0][name].dtype == torch.float32
        assert (exact[0][0][name].double() - added).abs().max() <= 1e-5 * added.abs().max(), "added, not averaged"
        if layout == "data":
            assert ((rounded[0][0][name].double() - added).abs() <= 1.01 * BF16_STEP * sizes + 1e-12).all()
        differ += int((rounded[0][0][name] != exact[0][0][name]).sum())
    assert differ > 1000, "something was rounded"
