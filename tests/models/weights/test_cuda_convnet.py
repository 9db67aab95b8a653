"""The 2012 program's arrays, run by a reference in its own order: images (channels, y, x, cases), filters as columns, keep 0.5 at test."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.models.weights.small import EXACT, State, apart, images, loaded, network, same_bits, scores, table

from alexnet.errors import BadWeights
from alexnet.models.weights.cuda_convnet import PROGRAM_2012, RUN_145, from_program, to_program

Acts = NDArray[np.float64]  # (units, cases): maps, rows, columns, then cases
KEEP = 0.5


def filter_acts(images: Acts, channels: int, filters: Acts, *, stride: int, padding: int) -> Acts:
    """filterActs of cuda-convnet: each module of the window's pixels, row by row, times the filters; outside the image are zeros.

    images: (channels * size ** 2, cases); filters: (channels * pixels, numFilters); gives (numFilters * modules, cases).
    """
    cases, size = images.shape[1], math.isqrt(images.shape[0] // channels)
    window = math.isqrt(filters.shape[0] // channels)
    modules = 1 + math.ceil((2 * padding + size - window) / stride)
    framed = np.zeros((channels, (modules - 1) * stride + window, (modules - 1) * stride + window, cases))
    framed[:, padding : padding + size, padding : padding + size] = images.reshape(channels, size, size, cases)[
        :, : framed.shape[1] - padding, : framed.shape[2] - padding
    ]
    targets = np.empty((filters.shape[1], modules, modules, cases))
    for y in range(modules):
        for x in range(modules):
            patch = framed[:, y * stride : y * stride + window, x * stride : x * stride + window]
            targets[:, y, x] = filters.T @ patch.reshape(-1, cases)
    return targets.reshape(-1, cases)


def per_map(acts: Acts, channels: int) -> Acts:
    side = math.isqrt(acts.shape[0] // channels)
    return acts.reshape(channels, side, side, -1)


def cmrnorm(acts: Acts, channels: int) -> Acts:
    """Cross-map response norm: size 5, scale 0.0001 over the size, minDiv 2."""
    images = per_map(acts, channels)
    squares = np.pad(images**2, ((2, 2), (0, 0), (0, 0), (0, 0)))
    total = sum(squares[shift : shift + channels] for shift in range(5))
    return np.asarray(images * (2 + 1e-4 / 5 * total) ** -0.75).reshape(acts.shape)


def rnorm(acts: Acts, channels: int) -> Acts:
    """cnorm2 of run 145: a 5 x 5 window of the same map, scale 0.001 over the window, minDiv 1."""
    images = per_map(acts, channels)
    squares = np.pad(images**2, ((0, 0), (2, 2), (2, 2), (0, 0)))
    side = images.shape[1]
    total = sum(squares[:, y : y + side, x : x + side] for y in range(5) for x in range(5))
    return np.asarray(images * (1 + 1e-3 / 25 * total) ** -0.75).reshape(acts.shape)


def max_pool(acts: Acts, channels: int) -> Acts:
    images = per_map(acts, channels)
    side = images.shape[1]
    outputs = math.ceil((side - 3) / 2) + 1
    pooled = np.empty((channels, outputs, outputs, images.shape[3]))
    for y in range(outputs):
        for x in range(outputs):
            pooled[:, y, x] = images[:, 2 * y : 2 * y + 3, 2 * x : 2 * x + 3].max(axis=(1, 2))
    return pooled.reshape(-1, images.shape[3])


def relu(acts: Acts) -> Acts:
    return np.maximum(acts, 0)


@dataclass
class Program:
    """Run 145's layers on these arrays; `as_released` puts the norms where its layer file has them."""

    arrays: dict[str, Acts]
    as_released: bool = False

    def conv(self, name: str, *inputs: Acts, channels: int, stride: int = 1, padding: int = 0) -> Acts:
        matrices = [self.arrays[f"{name}.weights.{index}"] for index in range(len(inputs))]
        parts = [
            filter_acts(acts, channels, filters, stride=stride, padding=padding) for acts, filters in zip(inputs, matrices, strict=True)
        ]
        acts, biases = np.sum(parts, axis=0), self.arrays[f"{name}.biases"]
        assert biases.shape[1] == 1  # sharedBiases
        return np.asarray(acts + np.repeat(biases, len(acts) // len(biases), axis=0))

    def fc(self, name: str, *inputs: Acts) -> Acts:
        acts = sum(self.arrays[f"{name}.weights.{index}"].T @ units for index, units in enumerate(inputs))
        return np.asarray(acts + self.arrays[f"{name}.biases"].T)

    def tower(self, data: Acts, t: str) -> Acts:
        """data to pool2, on the tower's own card."""
        channels = len(self.arrays[f"conv1{t}.biases"])
        first = self.conv(f"conv1{t}", data, channels=3, stride=4)
        first = cmrnorm(first, channels) if self.as_released else cmrnorm(relu(first), channels)
        pool1 = relu(max_pool(first, channels))
        second = relu(self.conv(f"conv2{t}", pool1, channels=channels, padding=2))
        channels = len(self.arrays[f"conv2{t}.biases"])
        second = cmrnorm(second, channels)
        return max_pool(rnorm(second, channels) if self.as_released else second, channels)

    def scores(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, S, S) in red, green, blue, minus the mean -> (N, classes)."""
        data = images.numpy().transpose(1, 2, 3, 0).reshape(-1, len(images))
        pool2a, pool2b = self.tower(data, "a"), self.tower(data, "b")
        maps2, maps3, maps4, maps5 = (len(self.arrays[f"conv{n}a.biases"]) for n in (2, 3, 4, 5))
        pool3 = []
        for t in "ab":
            conv3 = relu(self.conv(f"conv3{t}", pool2a, pool2b, channels=maps2, padding=1))
            conv4 = relu(self.conv(f"conv4{t}", conv3, channels=maps3, padding=1))
            pool3.append(relu(max_pool(self.conv(f"conv5{t}", conv4, channels=maps4, padding=1), maps5)))
        hs1a = KEEP * relu(self.fc("fc2048a", *pool3))
        hs1b = KEEP * relu(self.fc("fc2048b", *pool3))
        hs2a = KEEP * relu(self.fc("fc2048ba", hs1a, hs1b))
        hs2b = KEEP * relu(self.fc("fc2048bb", hs1b, hs1a))
        return torch.from_numpy(self.fc("fc1000", hs2a, hs2b).T.copy())


def program(arrays: State, **how: bool) -> Program:
    return Program({name: array.numpy() for name, array in arrays.items()}, **how)


def drawn() -> State:
    """Arrays of the program's own shapes, drawn in its order."""
    generator = np.random.default_rng(6)
    rows = {"conv1": (3 * 121, 4), "conv2": (4 * 25, 8), "conv3": (8 * 9, 12), "conv4": (12 * 9, 12), "conv5": (12 * 9, 8)}
    rows |= {"fc6": (32, 128), "fc7": (128, 128), "fc8": (128, 7)}
    arrays = {}
    for row in RUN_145:
        inputs, units = rows[row.layer]
        for name in row.matrices:
            arrays[name] = torch.from_numpy(generator.standard_normal((inputs, units)) * (2 / inputs / len(row.matrices)) ** 0.5)
        biases = generator.standard_normal((units, 1) if row.layer.startswith("conv") else (1, units))
        arrays[row.biases] = torch.from_numpy(biases)
    return arrays


@pytest.mark.parametrize("side", [96, 99])  # 96: the last window hangs over, as at 224
def test_our_network_as_the_programs_arrays_gives_its_scores(side: int) -> None:
    ours = network(table(), side=side)
    theirs = program(to_program(ours.state_dict())).scores(images(side))
    assert apart(theirs, scores(ours, images(side))) < EXACT


def test_the_programs_arrays_give_their_scores_here() -> None:
    arrays = drawn()
    assert apart(scores(loaded(table(), from_program(arrays)), images()), program(arrays).scores(images())) < EXACT


def test_run_145_itself_normalises_otherwise_and_the_message_says_so() -> None:
    arrays = drawn()
    assert apart(program(arrays, as_released=True).scores(images()), program(arrays).scores(images())) > 1e-3
    assert "conv1 before the ReLU and conv2 a second time within each map" in PROGRAM_2012.when_read


def test_there_and_back_changes_no_bit() -> None:
    state, arrays = dict(network(table()).float().state_dict()), drawn()
    assert tuple(to_program(state)) == PROGRAM_2012.names
    back = from_program(to_program(state))
    assert same_bits({name: back[name] for name in state}, state)
    assert same_bits(to_program(from_program(arrays)), arrays)


def test_the_layout_is_cuda_convnets() -> None:
    state = dict(network(table()).state_dict())
    arrays = to_program(state)
    weight = state["features.conv3.weight"]  # (24, 16, 3, 3): filter 12 + 5 is tower b's 5; channel 8 + 2 is its second input's 2
    assert arrays["conv3b.weights.1"][(2 * 3 + 1) * 3 + 2, 5] == weight[12 + 5, 8 + 2, 1, 2]
    assert arrays["conv1a.biases"].shape == (4, 1)
    assert arrays["fc1000.biases"].shape == (1, 7)
    fc7 = state["classifier.fc7.weight"]
    assert arrays["fc2048ba.weights.0"][3, 4] == 2 * fc7[4, 3]
    assert arrays["fc2048bb.weights.0"][3, 4] == 2 * fc7[128 + 4, 128 + 3]  # inputs=hs1b,hs1a


def test_gray_images_are_known_by_their_number_of_rows() -> None:
    state = dict(network(table(), channels=1).state_dict())
    arrays = to_program(state)
    assert arrays["conv1a.weights.0"].shape == (121, 4)
    back = from_program(arrays)
    assert same_bits({name: back[name] for name in state}, state)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("conv1a.weights.0", (364, 4), "conv1a has 364 weights per filter, which is not a square window over 3 maps"),
        ("conv2b.weights.0", (101, 8), "conv2b has 101 weights per filter, which is not a square window over 4 maps"),
        (
            "conv3a.weights.1",
            (99, 12),
            r"conv3a has weights \(72, 12\), \(99, 12\) and 12 biases; its weights must be \(inputs, 12\), equal",
        ),
        ("fc1000.biases", (1, 8), r"fc1000 has weights \(128, 7\), \(128, 7\) and 8 biases"),
        ("conv4a.weights.0", (12 * 9 * 12,), r"conv4a has weights \(1296,\)"),
        ("fc2048ba.weights.0", (127, 128), "fc2048ba has weights"),
    ],
)
def test_other_shapes_are_refused(name: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(BadWeights, match=message):
        from_program({**drawn(), name: torch.zeros(shape)})


def test_a_number_too_small_to_be_halved_is_refused() -> None:
    arrays = {name: torch.zeros_like(array, dtype=torch.float16) for name, array in drawn().items()}
    arrays["fc1000.weights.0"][0, 0] = 2.0**-24  # the smallest of float16
    with pytest.raises(BadWeights, match=r"fc1000's weights times 0.5 are not exact in float16; save them as float64"):
        from_program(arrays)
