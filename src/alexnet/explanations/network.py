"""The network inside a model, if it has one."""

from alexnet.models.image_model import ImageModel
from alexnet.models.linear_probe import LinearProbe
from alexnet.models.networks.model import NetworkModel


def network_of(model: ImageModel) -> NetworkModel | None:
    """The network itself, or the one below a linear probe; None for a hand-crafted system."""
    if isinstance(model, LinearProbe):
        return model.model
    return model if isinstance(model, NetworkModel) else None
