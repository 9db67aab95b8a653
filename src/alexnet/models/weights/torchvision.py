"""The forms `torchvision` and `alexnet-owt`: the same state dict, because we use torchvision's names; only shapes are checked."""

from dataclasses import replace

from alexnet.models.networks.alexnet import ALEXNET_OWT
from alexnet.models.weights.form import Form, tensor_names
from alexnet.models.weights.grouped import check_shapes
from alexnet.models.weights.state_dict import State

NUMBERED = ("features.0", "features.3", "features.6", "features.8", "features.10", "classifier.1", "classifier.4", "classifier.6")


def _checked(state: State) -> State:
    check_shapes(state, ALEXNET_OWT, NUMBERED)
    return state


OWT = Form(
    name="alexnet-owt",
    layout="alexnet-owt's state dict, layers numbered as in torchvision",
    function="alexnet-owt",
    names=tensor_names(NUMBERED),
    read=_checked,
    write=dict,
    model="alexnet-owt",
)

TORCHVISION = replace(
    OWT,
    name="torchvision",
    layout="the state dict of torchvision.models.alexnet",
    suffixes=(".pth", ".safetensors"),
    when_read="torchvision's own weights were trained on pictures from 0 to 1, minus (0.485, 0.456, 0.406), over (0.229, 0.224, 0.225).",
    when_written="Load it with torchvision.models.alexnet(num_classes=...).load_state_dict(torch.load(FILE, weights_only=True)).",
)
