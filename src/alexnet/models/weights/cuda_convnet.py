"""The form `program-2012`: the arrays of a checkpoint of the authors' program, named after the layers of its run 145.

From the source code (computerhistory/AlexNet-Source-Code and cuda-convnet, the files in parentheses):
- A layer has one weight matrix per input, (inputs, outputs), and biases (layer.py). A convolution's matrix is (channels * filterPixels,
  filters), its biases (filters, 1); a fully connected layer's (numInputs, outputs), its biases (1, outputs).
- The row of a convolution's matrix is (channel * size + y) * size + x, and pixel (y, x) of the window is multiplied by it unflipped: a
  correlation (cudaconv2/filter_acts.cu). Maps are stored as (map, y, x), which is also the order of fc6's inputs.
- The towers have separate layers, named a and b (layers/layers-145.cfg); no layer uses `groups`. conv3 and the fully connected layers have
  one matrix for each tower. Only fc2048bb lists tower b first: inputs=hs1b,hs1a.
- Dropout ("hs") multiplies by keep = 0.5 at test and does not scale in training (src/layer.cu), so the layers above, fc7 and fc8, are
  halved here once (trap 8).
- Images are red, green, blue, 0 to 255, minus the mean (convdata_jpeg.py).

Our interpretation: tower a is the first half of our maps. The checkpoint itself is a pickle and is never loaded here; docs/networks.md
explains how to save its arrays as an .npz: NAME.weights.0, NAME.weights.1, NAME.biases.

Not stored in the weights: run 145 normalises conv1 before the ReLU, and conv2 a second time over a 5x5 window of each map (cnorm2, scale
0.001). The paper and `alexnet` do neither.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from alexnet.errors import BadWeights
from alexnet.models.weights.form import Form
from alexnet.models.weights.grouped import CONVS
from alexnet.models.weights.state_dict import State
from alexnet.models.weights.two_towers import from_towers, to_towers

KEEP = 0.5  # of the program's dropout layers, hs1 and hs2
COLOURS = (3, 1)


@dataclass(frozen=True, slots=True)
class ProgramLayer:
    """A layer of run 145 that has weights; `inputs` are the towers that it takes, in the order of its matrices ("" for the image)."""

    name: str
    inputs: str
    ours: str  # its name in the two-tower form
    after_dropout: bool = False

    @property
    def layer(self) -> str:
        """The paper's name of the layer."""
        return self.ours.rpartition(".")[2]

    @property
    def matrices(self) -> tuple[str, ...]:
        """The names of its weights, one for each input."""
        return tuple(f"{self.name}.weights.{index}" for index in range(max(1, len(self.inputs))))

    @property
    def biases(self) -> str:
        """The name of its biases."""
        return f"{self.name}.biases"


RUN_145 = (
    #            name      inputs  ours
    ProgramLayer("conv1a", "", "tower1.conv1"),
    ProgramLayer("conv1b", "", "tower2.conv1"),
    ProgramLayer("conv2a", "a", "tower1.conv2"),
    ProgramLayer("conv2b", "b", "tower2.conv2"),
    ProgramLayer("conv3a", "ab", "tower1.conv3"),
    ProgramLayer("conv3b", "ab", "tower2.conv3"),
    ProgramLayer("conv4a", "a", "tower1.conv4"),
    ProgramLayer("conv4b", "b", "tower2.conv4"),
    ProgramLayer("conv5a", "a", "tower1.conv5"),
    ProgramLayer("conv5b", "b", "tower2.conv5"),
    ProgramLayer("fc2048a", "ab", "tower1.fc6"),
    ProgramLayer("fc2048b", "ab", "tower2.fc6"),
    ProgramLayer("fc2048ba", "ab", "tower1.fc7", after_dropout=True),
    ProgramLayer("fc2048bb", "ba", "tower2.fc7", after_dropout=True),
    ProgramLayer("fc1000", "ab", "fc8", after_dropout=True),
)


def from_program(arrays: State) -> State:
    """The program's arrays as the grouped network's state dict."""
    _check_matrices(arrays)
    towers: State = {}
    for row in RUN_145:
        parts = _in_order([arrays[name] for name in row.matrices], row.inputs)
        weight = torch.cat(parts).t()
        if row.layer in CONVS:
            weight = _as_windows(row, weight, towers)
        towers[f"{row.ours}.weight"] = _scaled(weight, KEEP, row) if row.after_dropout else weight
        towers[f"{row.ours}.bias"] = arrays[row.biases].flatten()
    return from_towers(towers)


def to_program(state: State) -> State:
    """The grouped network's state dict as the program's arrays."""
    towers, arrays = to_towers(state), State()
    for row in RUN_145:
        weight = towers[f"{row.ours}.weight"].flatten(1)
        weight = _scaled(weight, 1 / KEEP, row) if row.after_dropout else weight
        parts = _in_order(list(weight.t().chunk(len(row.matrices))), row.inputs)
        arrays |= dict(zip(row.matrices, parts, strict=True))
        arrays[row.biases] = towers[f"{row.ours}.bias"].reshape((-1, 1) if row.layer in CONVS else (1, -1))
    return arrays


def _check_matrices(arrays: State) -> None:
    for row in RUN_145:
        shapes = [tuple(arrays[name].shape) for name in row.matrices]
        units = arrays[row.biases].numel()
        if len(set(shapes)) > 1 or len(shapes[0]) != 2 or shapes[0][1] != units:
            shown = ", ".join(map(str, shapes))
            raise BadWeights(
                f"{row.name} has weights {shown} and {units} biases; its weights must be (inputs, {units}), equal for each input."
            )


def _in_order(parts: list[Tensor], inputs: str) -> list[Tensor]:
    """Reorder the parts between the layer file's order and tower a first."""
    return parts[::-1] if inputs == "ba" else parts


def _as_windows(row: ProgramLayer, weight: Tensor, towers: State) -> Tensor:
    """(filters, channels * pixels) -> (filters, channels, size, size); the channels are the maps of the layer below."""
    rows = weight.shape[1]
    for channels in _channels(row, towers):
        size = math.isqrt(rows // channels)
        if size and channels * size * size == rows:
            windows: Tensor = weight.unflatten(1, (channels, size, size))
            return windows
    raise BadWeights(f"{row.name} has {rows} weights per filter, which is not a square window over {_channels(row, towers)[0]} maps.")


def _channels(row: ProgramLayer, towers: State) -> tuple[int, ...]:
    if not row.inputs:
        return COLOURS
    below = f"conv{int(row.layer[-1]) - 1}"
    return (sum(len(towers[f"tower{'ab'.index(tower) + 1}.{below}.bias"]) for tower in row.inputs),)


def _scaled(weight: Tensor, factor: float, row: ProgramLayer) -> Tensor:
    """The weights halved or doubled, which is exact in floating point unless a number is near the end of the range."""
    scaled: Tensor = weight * factor
    if not torch.equal(scaled / factor, weight):
        raise BadWeights(
            f"{row.name}'s weights times {factor:g} are not exact in {str(weight.dtype).removeprefix('torch.')}; save them as float64."
        )
    return scaled


PROGRAM_2012 = Form(
    name="program-2012",
    layout="cuda-convnet's arrays by the layers of run 145: conv1a.weights.0 (inputs, filters), conv1a.biases to fc1000.biases",
    function="alexnet",
    names=tuple(name for row in RUN_145 for name in (*row.matrices, row.biases)),
    read=from_program,
    write=to_program,
    suffixes=(".npz",),
    when_read="fc7 and fc8 were halved: the program scales at test, PyTorch in training. The program's own run 145 also normalises conv1 "
    "before the ReLU and conv2 a second time within each map, which alexnet does not: with its weights, scores here are close to its own, "
    "but not equal.",
    when_written="fc7 and fc8 were doubled, because the program halves at test. The same function needs a layer file that normalises after "
    "the ReLU, without cnorm2a and cnorm2b.",
)
