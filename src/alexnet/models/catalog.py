"""The list of models: one row each. Adding a network is one table and one row here."""

from alexnet.errors import BadModel, did_you_mean
from alexnet.models import alexnet, cifar, lenet
from alexnet.models.architecture import Architecture

ARCHITECTURES: dict[str, Architecture] = {
    architecture.name: architecture
    for architecture in (
        alexnet.ALEXNET_2012,
        alexnet.ALEXNET_OWT,
        alexnet.ALEXNET_D2L,
        alexnet.ALEXNET_ONE_TOWER,
        cifar.CIFAR_11,
        cifar.CIFAR_FAST,
        cifar.CIFAR_13,
        cifar.CIFAR_18,
        cifar.CIFAR_26,
        lenet.LENET,
    )
}

SMALL_PICTURE = 64  # pixels: below it, `alexnet-cifar` is the default


def find_architecture(name: str) -> Architecture:
    """The architecture of that name; raises BadModel with the nearest name."""
    if name not in ARCHITECTURES:
        raise BadModel(f"No model is called '{name}'. {did_you_mean(name, ARCHITECTURES)}")
    return ARCHITECTURES[name]


def default_model(side: int) -> tuple[str, str]:
    """The model for pictures of that median short side in pixels, and the reason in one sentence."""
    if side < SMALL_PICTURE:
        return "alexnet-cifar", f"the pictures are {side} px, and AlexNet's first layers would leave nothing of them"
    return "alexnet", f"the pictures are {side} px, large enough for the 2012 network"
