"""The running means and variances of batch normalisation: a forward pass moves them, so a step that is skipped must put them back."""

import torch
from torch import Tensor, nn

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class RunningStatistics:
    """The running statistics of a model, and a copy of them from before a step. Without batch normalisation there is nothing to do."""

    def __init__(self, model: nn.Module) -> None:
        norms = [module for module in model.modules() if isinstance(module, BATCH_NORMS)]
        self.buffers: list[Tensor] = [buffer for norm in norms for buffer in norm.buffers()]
        self.copies: list[Tensor] = []

    def save(self) -> None:
        """Copy them, before the forward pass of a step."""
        self.copies = [buffer.clone() for buffer in self.buffers]

    @torch.no_grad()
    def restore(self, failed: Tensor) -> None:
        """Put the copies back where `failed` (bool, 0-d, on their device) is true; it is not read, so no GPU is waited for."""
        for buffer, copy in zip(self.buffers, self.copies, strict=False):  # no copies: nothing was saved
            buffer.copy_(torch.where(failed, copy, buffer))
