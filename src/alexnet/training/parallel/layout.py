"""One model and the workers that train it, as the training loop sees them: the base of all layouts, and the layout of a single worker."""

from collections.abc import Mapping
from inspect import signature
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from alexnet.models.networks.layers import Window
from alexnet.models.networks.network import Network
from alexnet.runtime.distributed import ALONE, Workers
from alexnet.training.config import TrainingConfig

TABLE = "table.json"  # in the folder of a sharded checkpoint; written last


class Layout:
    """The weights that this worker holds, and its part of every batch.

    model: holds the weights, under the same names as in a single process; forward: the module to call on a batch;
    dims: the parameters of which each worker holds an equal part, and the dimension that is divided. They may be DTensors.
    """

    name = "alone"
    shares_images = True  # False: every worker sees whole batches

    def __init__(self, model: nn.Module, world: Workers = ALONE, _: TrainingConfig | None = None) -> None:
        self.model, self.forward, self.world = model, model, world
        self.dims: dict[str, int] = {}

    @classmethod
    def check(cls, network: Network, world: Workers, config: TrainingConfig) -> None:
        """Raise BadModel or BadRecipe if this layout cannot train the network, whose tensors may be on the meta device."""

    def rows(self, count: int) -> range:
        """The indices of this worker's images in a batch of `count`; those past `count` are padding that equalises the workers' shapes."""
        if not self.shares_images:
            return range(count)
        capacity = self.world.capacity(count)
        return range(self.world.rank * capacity, (self.world.rank + 1) * capacity)

    def begin(self, count: int) -> None:
        """Prepare for a training batch of `count` images over all workers."""
        if self.world.size > 1:
            for module in self.model.modules():
                if hasattr(module, "window"):
                    setattr(module, "window", self.window(module, count))  # noqa: B010 - of two classes that share nothing else

    def window(self, module: nn.Module, count: int) -> Window:
        """The part of the whole batch's units that a dropout or batch normalisation layer sees on this worker."""
        return Window(count, self.rows(count))

    def scorer(self, model: nn.Module) -> nn.Module:
        """The module that computes this worker's scores with the weights of `model`: the layout's own model, or its weight average."""
        return model

    def totals(self, *values: float) -> tuple[float, ...]:
        """Sums over all images of a batch, from each worker's sums over its own."""
        counts = self.shares_images or self.world.first
        return self.world.sum(*(value if counts else 0.0 for value in values))

    def step_totals(self, loss: Tensor, wrong: Tensor) -> tuple[Tensor, Tensor]:
        """A training step's loss and errors, 0-d, summed over the workers in float64 on their device: the CPU does not wait for a GPU."""
        if self.world.size == 1:
            return loss, wrong
        counts = self.shares_images or self.world.first
        total = torch.stack([loss.double(), wrong.double()]) if counts else torch.zeros(2, dtype=torch.float64, device=loss.device)
        dist.all_reduce(total)
        return total[0], total[1]

    def whole_state(self, model: nn.Module) -> dict[str, Tensor]:
        """The whole network's tensors, gathered from all workers, all of which must call this. The names are those of `model`."""
        if not self.dims:
            return dict(model.state_dict())
        return {name: self._whole(name, local(part)) for name, part in model.state_dict().items()}

    def _whole(self, name: str, part: Tensor) -> Tensor:
        return torch.cat(self.world.gather(part.contiguous()), self.dims[name]) if name in self.dims else part

    @torch.no_grad()
    def load(self, model: nn.Module, parts: Mapping[str, Tensor]) -> None:
        """Copy this worker's parts of a checkpoint into the model; raises KeyError or RuntimeError if they do not fit."""
        state = model.state_dict()
        if not any(is_part(held) for held in state.values()):
            model.load_state_dict(parts)
            return
        own = {name: local(held) for name, held in state.items()}
        if {name: part.shape for name, part in parts.items()} != {name: held.shape for name, held in own.items()}:
            raise KeyError("names or shapes differ")
        for name, held in own.items():
            held.copy_(parts[name])

    def part_of(self, name: str, whole: Tensor) -> Tensor:
        """The worker's part of a parameter, or of a tensor of the same shape."""
        dim = self.dims.get(name)
        return whole if dim is None else whole.chunk(self.world.size, dim)[self.world.rank]


def own_name(name: str) -> str:
    """A parameter's name, from that of its weight, momentum or average in a checkpoint: average/module.network.fc6 -> network.fc6."""
    return name.partition("/")[2].removeprefix("module.")


def is_part(tensor: Tensor) -> bool:
    """Whether a tensor is a DTensor, without importing PyTorch's DTensor modules."""
    return hasattr(tensor, "to_local")


def local(part: Tensor) -> Tensor:
    """The worker's part of a tensor, which may be a DTensor."""
    held: Tensor = part.to_local() if is_part(part) else part  # type: ignore[attr-defined]  # a DTensor's
    return held


def reducer_options() -> dict[str, Any]:
    """Options for PyTorch's DistributedDataParallel: a static graph, and gradients that are views of the buckets that are sent.

    Buckets hold 1 MB, so that each convolution's gradient is sent while the one below it is computed; PyTorch's default of 25 MB would
    hold all of them back until the end of the backward pass.
    """
    known = signature(DistributedDataParallel).parameters
    sync = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"  # the latter before torch 2.14
    return {"static_graph": True, "gradient_as_bucket_view": True, "bucket_cap_mb": 1, sync: False}
