"""An exponential running average of a model's weights over the steps, which is validated and saved in their place."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class WeightAverage(AveragedModel):
    """`module` holds average = decay x average + (1 - decay) x weights, starting with the weights after the first step."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
        self.decay = decay

    def update(self, model: nn.Module, failed: Tensor) -> None:
        """Add the weights after a step to the average, unless `failed` (bool, 0-d, on their device) is true."""
        if failed.device.type != "cpu":
            self.update_unless(failed, model)
        elif not failed:
            self.update_parameters(model)

    @torch.no_grad()
    def update_unless(self, failed: Tensor, model: nn.Module) -> None:
        """The same without reading `failed`, so that the CPU does not wait for the GPU. PyTorch's own update reads its counter."""
        weight = (~failed).double() * (1.0 - self.decay if self.n_averaged else 1.0)
        for average, now in zip(self.module.parameters(), model.parameters(), strict=True):
            average.lerp_(now, weight.to(average.dtype))
        for mine, buffer in zip(self.module.buffers(), model.buffers(), strict=True):
            mine.copy_(buffer)
        self.n_averaged += 1


def weight_average(model: nn.Module, decay: float) -> WeightAverage | None:
    """The average that `training.averaging` sets; None if it is 0."""
    return WeightAverage(model, decay) if decay else None
