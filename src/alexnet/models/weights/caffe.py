"""The form `caffe`: the blobs of BVLC's AlexNet and CaffeNet as arrays.

Caffe's layout (models/bvlc_alexnet, include/caffe/blob.hpp): a convolution's weights are (maps, maps_in / group, k, k), applied as a
correlation; a fully connected layer's are (units, inputs), its inputs flattened as maps, rows, columns. PyTorch does the same. Only the
order of colours differs: OpenCV decodes to blue, green, red, so conv1's input channels are reversed.

Not stored in the weights: the released networks normalise across all maps with k = 1 (LRNParameter's default), and CaffeNet pools before it
normalises. Their images are 227 px, 0 to 255, minus the mean.
"""

from torch import Tensor

from alexnet.errors import BadWeights
from alexnet.models.weights.form import Form
from alexnet.models.weights.grouped import FULL, LAYERS, PUBLISHED
from alexnet.models.weights.state_dict import State

PARTS = {"weights": "weight", "bias": "bias"}  # Caffe's blobs 0 and 1 -> PyTorch's


def from_caffe(blobs: State) -> State:
    """Caffe's arrays as the grouped network's state dict. Blobs with leading axes of size 1, as in old files, are accepted."""
    state = {f"{ours}.{part}": _blob(layer, name, blobs) for layer, ours in LAYERS.items() for name, part in PARTS.items()}
    first = f"{LAYERS['conv1']}.weight"
    return PUBLISHED.read({**state, first: _colours_reversed(state[first])})


def to_caffe(state: State) -> State:
    """The grouped network's state dict as Caffe's arrays."""
    blobs = {f"{layer}.{name}": state[f"{ours}.{part}"] for layer, ours in LAYERS.items() for name, part in PARTS.items()}
    return {**blobs, "conv1.weights": _colours_reversed(blobs["conv1.weights"])}


def _blob(layer: str, name: str, blobs: State) -> Tensor:
    blob = blobs[f"{layer}.{name}"]
    axes = 1 if name == "bias" else 2 if layer in FULL else 4
    leading, shape = blob.shape[: max(0, blob.dim() - axes)], blob.shape[max(0, blob.dim() - axes) :]
    if blob.dim() < axes or leading.numel() != 1:
        raise BadWeights(f"{layer}.{name} is {tuple(blob.shape)}; it needs {axes} {'axis' if axes == 1 else 'axes'}.")
    return blob.reshape(shape)


def _colours_reversed(weight: Tensor) -> Tensor:
    """Swap red, green, blue and blue, green, red; it is its own inverse."""
    return weight.flip(1)


CAFFE = Form(
    name="caffe",
    layout="BVLC's blobs: conv1.weights, conv1.bias to fc8.bias; conv1's colours blue, green, red",
    function="alexnet",
    names=tuple(f"{layer}.{name}" for layer in LAYERS for name in PARTS),
    read=from_caffe,
    write=to_caffe,
    suffixes=(".npz",),
    when_read="The released bvlc_alexnet normalises across both towers with k = 1: it needs --network.norm across-towers "
    "--network.norm-k 1, and CaffeNet also needs --network.norm-place after-pool; both take 227 px pictures and --preprocess.pixel-range "
    "0-255.",
    when_written="conv1 takes blue, green, red, 0 to 255, minus the mean. conv2, conv4 and conv5 need group: 2; LRN needs k: 2, and one "
    "layer for each half of the maps (Slice, LRN, Concat).",
)
