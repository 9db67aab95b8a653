"""One model and the workers that train it, as the training loop sees them; here one worker alone, which the other layouts start from."""

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

TABLE = "table.json"  # in the folder of a divided checkpoint; written last


class Layout:
    """The weights that this worker holds, and its part of every batch.

    model: holds the weights, by the names that they have in one process; forward: what is called on a batch;
    dims: the parameters of which each worker holds an equal part, and the dimension that is divided. They may be DTensors.
    """

    name = "alone"
    shares_images = True  # False: every worker sees whole batches

    def __init__(self, model: nn.Module, world: Workers = ALONE, _: TrainingConfig | None = None) -> None:
        self.model, self.forward, self.world = model, model, world
        self.dims: dict[str, int] = {}

    @classmethod
    def check(cls, network: Network, world: Workers, config: TrainingConfig) -> None:
        """Raise BadModel or BadRecipe where the network (its tensors may be on no device) cannot be laid out so."""

    def rows(self, count: int) -> range:
        """Which images of a batch of `count` this worker takes; those past `count` only fill it up, so that all workers' shapes agree."""
        if not self.shares_images:
            return range(count)
        capacity = self.world.capacity(count)
        return range(self.world.rank * capacity, (self.world.rank + 1) * capacity)

    def begin(self, count: int) -> None:
        """Make ready for a training batch of `count` images over all workers."""
        if self.world.size > 1:
            for module in self.model.modules():
                if hasattr(module, "window"):
                    setattr(module, "window", self.window(module, count))  # noqa: B010 - of two classes that share nothing else

    def window(self, module: nn.Module, count: int) -> Window:
        """The part of a whole batch's units that a dropout or a batch normalisation has here."""
        return Window(count, self.rows(count))

    def scorer(self, model: nn.Module) -> nn.Module:
        """The module that computes this worker's scores by the weights of `model`, the layout's own or their average."""
        return model

    def totals(self, *values: float) -> tuple[float, ...]:
        """Sums over all images of a batch, from each worker's sums over its own."""
        counts = self.shares_images or self.world.first
        return self.world.sum(*(value if counts else 0.0 for value in values))

    def step_totals(self, loss: Tensor, wrong: Tensor) -> tuple[Tensor, Tensor]:
        """A training step's loss and errors, 0-d, summed over the workers in float64 where they lie: the CPU does not wait for a GPU."""
        if self.world.size == 1:
            return loss, wrong
        counts = self.shares_images or self.world.first
        total = torch.stack([loss.double(), wrong.double()]) if counts else torch.zeros(2, dtype=torch.float64, device=loss.device)
        dist.all_reduce(total)
        return total[0], total[1]

    def whole_state(self, model: nn.Module) -> dict[str, Tensor]:
        """The whole network's tensors, gathered from all workers, which must all ask; `model` has the layout's own names."""
        if not self.dims:
            return dict(model.state_dict())
        return {name: self._whole(name, local(part)) for name, part in model.state_dict().items()}

    def _whole(self, name: str, part: Tensor) -> Tensor:
        return torch.cat(self.world.gather(part.contiguous()), self.dims[name]) if name in self.dims else part

    @torch.no_grad()
    def load(self, model: nn.Module, parts: Mapping[str, Tensor]) -> None:
        """Put this worker's parts of a checkpoint into the model; raises KeyError or RuntimeError where they do not fit."""
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
        """What this worker holds of a parameter, or of anything shaped like it."""
        dim = self.dims.get(name)
        return whole if dim is None else whole.chunk(self.world.size, dim)[self.world.rank]


def own_name(name: str) -> str:
    """A parameter's own name, from that of its weight, momentum or average in a checkpoint: average/module.network.fc6 -> network.fc6."""
    return name.partition("/")[2].removeprefix("module.")


def is_part(tensor: Tensor) -> bool:
    """Whether a tensor is a DTensor, told without loading what DTensors need."""
    return hasattr(tensor, "to_local")


def local(part: Tensor) -> Tensor:
    """What this worker holds of a tensor, which may be a DTensor."""
    held: Tensor = part.to_local() if is_part(part) else part  # type: ignore[attr-defined]  # a DTensor's
    return held


def reducer_options() -> dict[str, Any]:
    """How PyTorch's DistributedDataParallel is used: the graph never changes, and gradients live in the buckets that are sent.

    Buckets of 1 MB, so that each convolution's gradient leaves while the one below it is computed; 25 MB, PyTorch's own, would hold all of
    them back to the end of the backward pass.
    """
    known = signature(DistributedDataParallel).parameters
    sync = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"  # the latter before torch 2.14
    return {"static_graph": True, "gradient_as_bucket_view": True, "bucket_cap_mb": 1, sync: False}
