"""A classifier on a trained network's frozen last hidden layer: between hand-crafted features and joint training."""

import torch
from torch import Tensor, nn

from alexnet.models.image_model import ImageModel
from alexnet.models.networks.model import NetworkModel


class LinearProbe(ImageModel):
    """uint8 images -> the network's last hidden layer -> machine (an SVM) -> scores."""

    def __init__(self, model: NetworkModel, machine: nn.Module) -> None:
        super().__init__()
        self.model, self.machine = model.requires_grad_(False), machine
        self.image_size, self.classes = model.image_size, model.classes

    def forward(self, images: Tensor) -> Tensor:
        return self.scores_of(self.hidden(images))

    def hidden(self, images: Tensor) -> Tensor:
        return self.model.hidden(images)

    def scores_of(self, hidden: Tensor) -> Tensor:
        with torch.autocast(hidden.device.type, enabled=False):
            scores: Tensor = self.machine(hidden.float())
        return scores

    def learned(self) -> dict[str, Tensor]:
        """The network's weights, and the machine's with the prefix "machine."."""
        machine = {f"machine.{name}": value for name, value in self.machine.state_dict().items()}
        return self.model.learned() | machine
