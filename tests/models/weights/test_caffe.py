"""Caffe's blobs, run by a reference in Caffe's layout and order: blue, green, red; im2col; LRN with its own k."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.models.weights.small import EXACT, State, apart, images, loaded, network, same_bits, scores, table

from alexnet.errors import BadWeights
from alexnet.models.networks.architecture import NetworkChoices, vary
from alexnet.models.registry import ARCHITECTURES
from alexnet.models.weights.caffe import CAFFE, from_caffe, to_caffe

Maps = NDArray[np.float64]
SIDE = 99  # as Caffe's 227: no window hangs over


def convolution(images: Maps, weights: Maps, bias: Maps, *, stride: int = 1, pad: int = 0, group: int = 1) -> Maps:
    """Caffe's base_conv_layer: im2col, then one matrix product for each group."""
    padded = np.pad(images, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    kernel = weights.shape[2]
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(2, 3))[:, :, ::stride, ::stride]
    outputs = [
        np.einsum("ncyxij,ocij->noyx", of_group, matrix, optimize=True)
        for of_group, matrix in zip(np.split(windows, group, axis=1), np.split(weights, group), strict=True)
    ]
    return np.concatenate(outputs, axis=1) + bias[:, None, None]


def lrn(channels: Maps, k: float) -> Maps:
    """Caffe's ACROSS_CHANNELS: x / (k + alpha / size * sum of squares) ** beta."""
    squares = np.pad(channels**2, ((0, 0), (2, 2), (0, 0), (0, 0)))
    total = sum(squares[:, shift : shift + channels.shape[1]] for shift in range(5))
    return np.asarray(channels / (k + 1e-4 / 5 * total) ** 0.75)


def lrn_of_halves(channels: Maps, k: float) -> Maps:
    """Slice, LRN, Concat."""
    return np.concatenate([lrn(half, k) for half in np.split(channels, 2, axis=1)], axis=1)


def pool(channels: Maps) -> Maps:
    return np.asarray(np.lib.stride_tricks.sliding_window_view(channels, (3, 3), axis=(2, 3))[:, :, ::2, ::2].max(axis=(4, 5)))


def relu(values: Maps) -> Maps:
    return np.maximum(values, 0)


def caffes(blobs: State, rgb: torch.Tensor, *, k: float, halves: bool, pools_first: bool = False) -> torch.Tensor:
    """bvlc_alexnet's prototxt (or CaffeNet's, which pools before it normalises) with these blobs, on images in OpenCV's order."""
    b = {name: tensor.numpy() for name, tensor in blobs.items()}

    def norm_and_pool(channels: Maps) -> Maps:
        norm = lrn_of_halves if halves else lrn
        return norm(pool(channels), k) if pools_first else pool(norm(channels, k))

    channels = rgb.numpy()[:, ::-1]
    channels = norm_and_pool(relu(convolution(channels, b["conv1.weights"], b["conv1.bias"], stride=4)))
    channels = norm_and_pool(relu(convolution(channels, b["conv2.weights"], b["conv2.bias"], pad=2, group=2)))
    channels = relu(convolution(channels, b["conv3.weights"], b["conv3.bias"], pad=1))
    channels = relu(convolution(channels, b["conv4.weights"], b["conv4.bias"], pad=1, group=2))
    channels = pool(relu(convolution(channels, b["conv5.weights"], b["conv5.bias"], pad=1, group=2)))
    units = channels.reshape(len(channels), -1)
    for layer in ("fc6", "fc7"):
        units = relu(units @ b[f"{layer}.weights"].T + b[f"{layer}.bias"])
    return torch.from_numpy(units @ b["fc8.weights"].T + b["fc8.bias"])


def drawn() -> State:
    """Blobs of Caffe's own shapes, drawn in their order."""
    generator = np.random.default_rng(5)
    channels = {"conv1": (8, 3, 11), "conv2": (16, 4, 5), "conv3": (24, 16, 3), "conv4": (24, 12, 3), "conv5": (16, 12, 3)}
    shapes = {name: (out, given, size, size) for name, (out, given, size) in channels.items()}
    shapes |= {"fc6": (256, 64), "fc7": (256, 256), "fc8": (7, 256)}  # type: ignore[dict-item]  # two axes
    blobs = {}
    for name, shape in shapes.items():
        blobs[f"{name}.weights"] = torch.from_numpy(generator.standard_normal(shape) * (2 / np.prod(shape[1:])) ** 0.5)
        blobs[f"{name}.bias"] = torch.from_numpy(generator.standard_normal(shape[0]))
    return blobs


def test_our_network_in_caffes_layout_gives_its_scores() -> None:
    ours = network(table(), side=SIDE)
    blobs = to_caffe(ours.state_dict())
    assert apart(caffes(blobs, images(SIDE), k=2, halves=True), scores(ours, images(SIDE))) < EXACT


@pytest.mark.parametrize("pools_first", [False, True])
def test_caffes_networks_give_their_scores_here(pools_first: bool) -> None:
    blobs = drawn()
    ours = table(norm="across-towers", norm_k=1.0, norm_place="after-pool" if pools_first else "before-pool")
    theirs = caffes(blobs, images(SIDE), k=1, halves=False, pools_first=pools_first)
    assert apart(scores(loaded(ours, from_caffe(blobs), side=SIDE), images(SIDE)), theirs) < EXACT


def test_without_caffes_norm_the_scores_are_others() -> None:
    blobs = drawn()
    theirs = caffes(blobs, images(SIDE), k=1, halves=False)
    assert apart(scores(loaded(table(), from_caffe(blobs), side=SIDE), images(SIDE)), theirs) > 1e-3


def test_the_options_that_are_named_give_caffes_scores() -> None:
    blobs = drawn()
    assert "--network.norm across-towers --network.norm-k 1," in CAFFE.when_read
    named: dict[str, object] = {"norm": "across-towers", "norm_k": 1.0}
    chosen = NetworkChoices(width=1 / 16, **named)  # type: ignore[arg-type]  # fields by name
    ours = loaded(vary(ARCHITECTURES["alexnet"], chosen), from_caffe(blobs), side=SIDE)
    assert apart(scores(ours, images(SIDE)), caffes(blobs, images(SIDE), k=1, halves=False)) < EXACT


def test_blue_comes_first() -> None:
    ours = dict(network(table()).state_dict())
    blobs = to_caffe(ours)
    assert torch.equal(blobs["conv1.weights"][:, 0], ours["features.conv1.weight"][:, 2])
    assert apart(caffes(blobs, images(SIDE).flip(1), k=2, halves=True), scores(network(table(), side=SIDE), images(SIDE))) > 1e-3


def test_there_and_back_changes_no_bit() -> None:
    state, blobs = dict(network(table()).state_dict()), drawn()
    assert tuple(to_caffe(state)) == CAFFE.names
    assert same_bits(from_caffe(to_caffe(state)), state)
    assert same_bits(to_caffe(from_caffe(blobs)), blobs)


def test_old_blobs_with_leading_ones_are_taken() -> None:
    blobs = drawn()
    old = {name: blob.reshape((1,) * (4 - blob.dim()) + tuple(blob.shape)) for name, blob in blobs.items()}
    assert same_bits(from_caffe(old), from_caffe(blobs))


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("conv2.weights", (16, 100), r"conv2.weights is \(16, 100\); it needs 4 axes"),
        ("fc6.weights", (2, 1, 256, 64), r"fc6.weights is \(2, 1, 256, 64\); it needs 2 axes"),
        ("fc8.bias", (), r"fc8.bias is \(\); it needs 1 axis"),
        ("conv2.weights", (16, 8, 5, 5), r"features.conv2.weight is \(16, 8, 5, 5\), needs \(16, 4, 5, 5\)"),
    ],
)
def test_other_shapes_are_refused(name: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(BadWeights, match=message):
        from_caffe({**drawn(), name: torch.zeros(shape)})
