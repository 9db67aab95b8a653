"""The target `torch`: weights for plain PyTorch, by the names of torchvision where that has the network."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alexnet.errors import BadModel
from alexnet.exports.check import Check, Probabilities, check
from alexnet.exports.request import CHECKED, Job
from alexnet.models.networks.model import NetworkModel
from alexnet.storage.files import replaced


def write_torch(job: Job, path: Path) -> Check:
    """Write a state dict that `torch.load(path, weights_only=True)` reads; raises BadModel for what is no network.

    `alexnet-owt` fits torchvision.models.alexnet. Other networks fit the nn.Module that `alexnet.load(run).network` is. Its input is
    normalised pixels: minus the mean, over the spread, which are in the run's model.json.
    """
    model = job.classifier.model
    if not isinstance(model, NetworkModel):
        raise BadModel(f"{job.classifier.model_card.model} is no network; only networks have a state dict. Use --to onnx or --to hf.")
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.network.state_dict().items()}
    with replaced(path) as partial:
        torch.save(state, partial)
        return check(job.classifier, _reread(model, partial), job.images("validation", CHECKED))


def _reread(model: NetworkModel, file: Path) -> Probabilities:
    """The model with the weights of the file, as somebody else would load them."""
    state: dict[str, Tensor] = torch.load(file, weights_only=True)
    network = torchvision_module(model, state) or deepcopy(model.network)
    network.load_state_dict(state)

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            scores = network(model.normalise(torch.from_numpy(images)))
        return np.asarray(torch.softmax(scores.float(), 1).numpy())

    return run


def torchvision_module(model: NetworkModel, state: dict[str, Tensor]) -> nn.Module | None:
    """torchvision's untrained module, if its tensors have these names and shapes; else None."""
    from torchvision.models import alexnet

    if model.network.architecture.name != "alexnet-owt":
        return None
    module: nn.Module = alexnet(num_classes=model.classes).eval()
    shapes = {name: tensor.shape for name, tensor in module.state_dict().items()}
    return module if shapes == {name: tensor.shape for name, tensor in state.items()} else None
