"""The running means and variances of batch normalisation: a forward pass changes them, so skipping a step must restore them."""

import torch
from torch import Tensor, nn

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class RunningStatistics:
    """The running statistics of a model, and their values before a step. Does nothing for a model without batch normalisation."""

    def __init__(self, model: nn.Module) -> None:
        norms = [module for module in model.modules() if isinstance(module, BATCH_NORMS)]
        self.buffers: list[Tensor] = [buffer for norm in norms for buffer in norm.buffers()]
        self.copies: list[Tensor] = []

    def save(self) -> None:
        """Copy them, before the forward pass of a step."""
        self.copies = [buffer.clone() for buffer in self.buffers]

    @torch.no_grad()
    def restore(self, failed: Tensor) -> None:
        """Restore the copies if `failed` (bool, 0-d, on their device) is true. The CPU does not read it, so it never waits for a GPU."""
        for buffer, copy in zip(self.buffers, self.copies, strict=False):  # no copies: nothing was saved
            buffer.copy_(torch.where(failed, copy, buffer))
