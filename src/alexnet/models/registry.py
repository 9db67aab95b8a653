"""The catalogue of models, one row each. To add a network, write its table and a row here; hand-crafted systems are rows of `SYSTEMS`."""

from alexnet.errors import BadModel, did_you_mean
from alexnet.models.handcrafted.systems import SYSTEMS
from alexnet.models.kinds import FROZEN, kind_of
from alexnet.models.networks import alexnet, cifar, convnet_small, efficientnet, lenet, mlp, mlp_mixer
from alexnet.models.networks.architecture import Architecture
from alexnet.models.networks.borrowed.registry import SOURCES, borrowed_architecture, is_borrowed
from alexnet.storage.records import shown

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
        convnet_small.CONVNET_SMALL,
        efficientnet.EFFICIENTNET_LITE0,
        lenet.LENET,
        mlp.MLP,
        mlp_mixer.MLP_MIXER,
    )
}

SMALL_IMAGE = 64  # pixels; `alexnet-cifar` is the default for smaller images


def check_known(name: object, *others: str) -> None:
    """Raise BadModel, with the nearest name, unless `name` is a model, of another library too, or one of `others`."""
    if is_borrowed(name):
        borrowed_architecture(str(name).removesuffix(FROZEN))
        return
    known = [*others, *ARCHITECTURES, *SYSTEMS]
    if not isinstance(name, str) or (name not in known and name.removesuffix(FROZEN) not in ARCHITECTURES):
        libraries = " and ".join(f"{library}:NAME" for library in SOURCES)
        raise BadModel(f"No model is called {shown(name)}. {did_you_mean(name, known)} Classifiers of other libraries are {libraries}.")


def find_architecture(name: str) -> Architecture:
    """The network of that name, or below NETWORK+svm; BadModel, with the nearest name, for an unknown name and a system without one."""
    check_known(name)
    if name not in SYSTEMS:
        name = name.removesuffix(FROZEN)
    if is_borrowed(name):
        return borrowed_architecture(name)
    if name not in ARCHITECTURES:
        raise BadModel(f"{name} is {kind_of(name).title}, but this needs a network. {did_you_mean(name, ARCHITECTURES)}")
    return ARCHITECTURES[name]


def default_model(side: int) -> tuple[str, str]:
    """The default model for images with this median short side in pixels, and the reason as one clause."""
    if side < SMALL_IMAGE:
        return "alexnet-cifar", f"the pictures are {side} px, and AlexNet's first layers would leave nothing of them"
    return "alexnet", f"the pictures are {side} px, large enough for the 2012 network"
