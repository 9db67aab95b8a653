"""Data parallelism: every worker holds all weights and sees its share of each batch; the gradients are added."""

from torch import nn
from torch.nn.parallel import DistributedDataParallel

from alexnet.runtime.distributed import Workers
from alexnet.training.config import TrainingConfig
from alexnet.training.parallel.comm_hooks import hook
from alexnet.training.parallel.layout import Layout, reducer_options
from alexnet.training.parallel.sync_batch_norm import share_statistics


class DataParallel(Layout):
    """PyTorch's DistributedDataParallel around the model."""

    name = "data"

    def __init__(self, model: nn.Module, world: Workers, config: TrainingConfig) -> None:
        super().__init__(model, world)
        share_statistics(model)
        self.forward = DistributedDataParallel(model, **reducer_options())
        self.forward.register_comm_hook(None, hook(config.wire_precision))
