"""The features of a network that was trained on other images, frozen: its last hidden layer."""

from collections.abc import Mapping

from torch import Tensor, nn

from alexnet.errors import BadModel
from alexnet.models.networks.efficientnet import HEAD
from alexnet.models.networks.efficientnet_lite import EfficientNetLite, feature_macs

MOST_NAMED = 3  # tensors in a message


class PretrainedFeatures(nn.Module):
    """uint8 (N, 3, S, S) -> float32 (N, 1,280): EfficientNet-Lite0 below its classifier, with its batch normalisation folded.

    weights: its state dict without the classifier; root: the square roots of the features, which are 0 or more. Raises BadModel, with the
    names, if the weights do not fit.
    """

    def __init__(self, weights: Mapping[str, Tensor], image_size: int, *, root: bool = False) -> None:
        super().__init__()
        network = EfficientNetLite(classes=0)
        _check_fit(network.state_dict(), weights)
        network.load_state_dict(dict(weights))
        self.network = network.requires_grad_(False).eval().fold()
        self.root = root
        self.dimensions, self.macs = HEAD, feature_macs(image_size=image_size)

    def forward(self, images: Tensor) -> Tensor:
        vectors = self.network.features(images)
        return vectors.sqrt() if self.root else vectors


def _check_fit(needed: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
    own, given = ({name: tuple(tensor.shape) for name, tensor in state.items()} for state in (needed, weights))
    wrong = sorted(name for name in own.keys() | given.keys() if own.get(name) != given.get(name))
    if wrong:
        more = f" and {len(wrong) - MOST_NAMED} more" if len(wrong) > MOST_NAMED else ""
        raise BadModel(
            f"The weights do not fit EfficientNet-Lite0: {', '.join(wrong[:MOST_NAMED])}{more} missing, unknown or of another shape. "
            "Copy the run again, or train again."
        )
