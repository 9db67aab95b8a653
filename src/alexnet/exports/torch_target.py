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
from alexnet.inference.build import last_layer
from alexnet.models.networks.borrowed.registry import source_of
from alexnet.models.networks.borrowed.weights import by_library
from alexnet.models.networks.model import NetworkModel
from alexnet.storage.files import replaced


def write_torch(job: Job, path: Path) -> Check:
    """Write a state dict that `torch.load(path, weights_only=True)` reads; raises BadModel for what is no network.

    `alexnet-owt` fits torchvision.models.alexnet, and a network of another library what that builds with so many classes. Other networks
    fit the nn.Module that `alexnet.load(run).network` is. Its input is normalised pixels: minus the mean, over the spread, which are in
    the run's model.json; the last layer is divided by the temperature, so that the softmax of its scores is the classifier's.
    """
    model = job.classifier.model
    if not isinstance(model, NetworkModel):
        raise BadModel(f"{job.classifier.model_card.model} is no network; only networks have a state dict. Use --to onnx or --to hf.")
    theirs, state = library_module(model), _tempered(model)
    state = by_library(state, theirs[1]) if theirs else state
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    with replaced(path) as partial:
        torch.save(state, partial)
        return check(job.classifier, _reread(model, partial), job.images("validation", CHECKED))


def _tempered(model: NetworkModel) -> dict[str, Tensor]:
    """The network's state dict, its scores divided by the temperature."""
    state, last = model.network.state_dict(), f"{last_layer(model)}."
    return {name: tensor / model.temperature if name.startswith(last) else tensor for name, tensor in state.items()}


def _reread(model: NetworkModel, file: Path) -> Probabilities:
    """The model with the weights of the file, as somebody else would load them."""
    state: dict[str, Tensor] = torch.load(file, weights_only=True)
    theirs = library_module(model)
    network = theirs[0] if theirs else torchvision_module(model, state) or deepcopy(model.network)
    network.load_state_dict(state)

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            scores = network(model.normalise(torch.from_numpy(images)))
        return np.asarray(torch.softmax(scores.float(), 1).numpy())

    return run


def library_module(model: NetworkModel) -> tuple[nn.Module, str] | None:
    """Its library's untrained module with as many classes, and the name of its last layer; None unless that is a matrix with biases."""
    if not model.network.architecture.borrowed:
        return None
    source, own = source_of(model.network.architecture.name)
    module, last = source.build(own, model.image_size)
    scores, (parent, _, child) = module.get_submodule(last), last.rpartition(".")
    if not isinstance(scores, nn.Linear) or scores.bias is None:
        return None
    setattr(module.get_submodule(parent), child, nn.Linear(scores.in_features, model.classes))
    return module.eval(), last


def torchvision_module(model: NetworkModel, state: dict[str, Tensor]) -> nn.Module | None:
    """torchvision's untrained module, if its tensors have these names and shapes; else None."""
    from torchvision.models import alexnet

    if model.network.architecture.name != "alexnet-owt":
        return None
    module: nn.Module = alexnet(num_classes=model.classes).eval()
    shapes = {name: tensor.shape for name, tensor in module.state_dict().items()}
    return module if shapes == {name: tensor.shape for name, tensor in state.items()} else None
