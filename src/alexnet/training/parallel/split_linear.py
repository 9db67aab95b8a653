"""Fully connected layers divided among workers, which exchange activations while they compute (One weird trick, section 4).

The weights are DTensors, so that PyTorch knows what they are parts of. The products are written out here because DTensor's own row-wise
and column-wise layers wait for every exchange before they continue: here a worker multiplies what it has while the rest arrives.
W workers hold c images each, N = W c in all; units are divided into W equal parts.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Replicate, Shard

from alexnet.training.parallel.layout import local


class SplitLinear(nn.Linear):
    """A linear layer of which this worker holds a part; `divide` makes it from a whole one."""

    weight_dim, bias_dim = 1, 0  # the dimension that is divided: 0 units, 1 inputs; bias_dim -1: not divided
    function: type[torch.autograd.Function]

    def forward(self, inputs: Tensor) -> Tensor:
        """The layer's outputs, in autocast's precision."""
        kind = inputs.device.type
        precision = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else inputs.dtype
        outputs: Tensor = self.function.apply(inputs.to(precision), local(self.weight).to(precision), local(self.bias).to(precision))
        return outputs


def divide(layers: nn.Module, name: str, kind: type[SplitLinear], mesh: DeviceMesh) -> None:
    """Turn a whole layer, which is the same on all workers, into this worker's part of it, in place."""
    layer = layers.get_submodule(name)
    assert isinstance(layer, nn.Linear)
    layer.__class__ = kind
    layer.weight = nn.Parameter(_part(layer.weight, kind.weight_dim, mesh))
    layer.bias = nn.Parameter(_part(layer.bias, kind.bias_dim, mesh))


def _part(whole: Tensor, dim: int, mesh: DeviceMesh) -> DTensor:
    if dim < 0:
        return DTensor.from_local(whole.detach().clone(), mesh, [Replicate()], run_check=False)
    mine = whole.detach().chunk(mesh.size(), dim)[mesh.get_local_rank()].clone(memory_format=torch.contiguous_format)
    return DTensor.from_local(mine, mesh, [Shard(dim)], run_check=False)


def _workers() -> tuple[int, int]:
    return dist.get_rank(), dist.get_world_size()


def _gathering(whole: Tensor, mine: Tensor) -> dist.Work:
    """Start to fill whole[worker] with each worker's `mine`; it is complete once the returned work has been waited for."""
    work = dist.all_gather(list(whole), mine, async_op=True)
    assert work is not None
    return work


def _exchanging(parts: Tensor) -> tuple[Tensor, dist.Work]:
    """Start to send parts[worker] to each worker; the tensor received is complete once the returned work has been waited for."""
    received = torch.empty_like(parts)
    work = dist.all_to_all_single(received, parts, async_op=True)
    assert work is not None
    return received, work


class _ImagesToUnits(torch.autograd.Function):
    """(c, inputs) of this worker's images -> (N, units / W) of all images; weight (units / W, inputs)."""

    @staticmethod
    def forward(ctx: Any, mine: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        rank, size = _workers()
        whole = mine.new_empty((size, *mine.shape))
        sent = _gathering(whole, mine.contiguous())
        units = mine.new_empty((size * len(mine), len(weight)))
        of_worker = units.split(len(mine))
        torch.addmm(bias, mine, weight.t(), out=of_worker[rank])
        sent.wait()
        for other in (worker for worker in range(size) if worker != rank):
            torch.addmm(bias, whole[other], weight.t(), out=of_worker[other])
        ctx.save_for_backward(whole.flatten(0, 1), weight)
        return units

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        whole, weight = ctx.saved_tensors
        _, size = _workers()
        units = gradients[0]
        shares = (units @ weight).view(size, -1, weight.shape[1])  # gradients of every worker's images, from these units
        received, sent = _exchanging(shares)
        of_weight = units.t() @ whole
        sent.wait()
        return received.sum(0), of_weight, units.sum(0)


class _UnitsToUnits(torch.autograd.Function):
    """(N, inputs / W) -> (N, units / W); weight (units, inputs / W), bias (units / W,)."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        rank, size = _workers()
        parts = weight.chunk(size)
        for_others = inputs.new_zeros((size, len(inputs), len(parts[0])))  # its own part stays 0: nothing is sent to itself
        for other in (worker for worker in range(size) if worker != rank):
            torch.mm(inputs, parts[other].t(), out=for_others[other])
        received, sent = _exchanging(for_others)
        units = torch.addmm(bias, inputs, parts[rank].t())
        sent.wait()
        ctx.save_for_backward(inputs, weight)
        return units.add_(received.sum(0))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        inputs, weight = ctx.saved_tensors
        rank, size = _workers()
        mine, parts, of_weight = gradients[0].contiguous(), weight.chunk(size), torch.empty_like(weight)
        whole = mine.new_empty((size, *mine.shape))
        sent = _gathering(whole, mine)
        of_inputs = mine @ parts[rank]
        torch.mm(mine.t(), inputs, out=of_weight.chunk(size)[rank])
        sent.wait()
        for other in (worker for worker in range(size) if worker != rank):
            of_inputs.addmm_(whole[other], parts[other])
            torch.mm(whole[other].t(), inputs, out=of_weight.chunk(size)[other])
        return of_inputs, of_weight, mine.sum(0)


class _UnitsToImages(torch.autograd.Function):
    """(N, inputs / W) -> (c, units) of this worker's images; weight (units, inputs / W), bias (units,)."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        _, size = _workers()
        received, sent = _exchanging((inputs @ weight.t()).view(size, -1, len(weight)))
        sent.wait()
        ctx.save_for_backward(inputs, weight)
        return received.sum(0).add_(bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        inputs, weight = ctx.saved_tensors
        mine = gradients[0].contiguous()
        whole = mine.new_empty((dist.get_world_size(), *mine.shape))
        _gathering(whole, mine).wait()
        units = whole.flatten(0, 1)
        return units @ weight, units.t() @ inputs, units.sum(0)


class ImagesToUnits(SplitLinear):
    """The first layer: its units are divided (columns), and every worker sees all images."""

    weight_dim, function = 0, _ImagesToUnits


class UnitsToUnits(SplitLinear):
    """A layer in between: its inputs are divided (rows); its units are summed over the workers and scattered."""

    function = _UnitsToUnits


class UnitsToImages(SplitLinear):
    """The last layer: its inputs are divided (rows), and each worker gets the scores of its images. All hold the bias."""

    bias_dim, function = -1, _UnitsToImages
