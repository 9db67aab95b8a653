"""Our layers against PyTorch's, against plain loops, and against the formulas of the paper."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from alexnet.models.networks.layers import LocalConv2d, MaxAndAveragePool2d, ResponseNorm, SameMapNorm, fan, neighbour_band, response_norm

FORMATS = [torch.contiguous_format, torch.channels_last]


def channels(n: int, depth: int, side: int, scale: float = 30.0, seed: int = 0) -> Tensor:
    """Float64 activations after a ReLU, as large as those of 0-255 images."""
    generator = torch.Generator().manual_seed(seed)
    return torch.relu(scale * torch.randn(n, depth, side, side, generator=generator, dtype=torch.float64))


def norm_2012(depth: int, towers: int = 1) -> ResponseNorm:
    return ResponseNorm(depth, towers=towers, neighbours=5, alpha=1e-4, beta=0.75, k=2.0).double()


@settings(max_examples=40)
@given(
    depth=st.integers(1, 20),
    neighbours=st.integers(1, 9),
    alpha=st.floats(1e-5, 1.0),
    beta=st.sampled_from([0.5, 0.75, 1.0]),
    k=st.floats(0.5, 2.0),
    memory=st.sampled_from(FORMATS),
)
def test_response_norm_equals_pytorchs(
    depth: int, neighbours: int, alpha: float, beta: float, k: float, memory: torch.memory_format
) -> None:
    x = channels(2, depth, 5, 3.0).to(memory_format=memory).requires_grad_()
    y = x.detach().clone().requires_grad_()
    ours = response_norm(x, neighbours=neighbours, alpha=alpha, beta=beta, k=k)
    theirs = nn.LocalResponseNorm(neighbours, alpha=alpha, beta=beta, k=k)(y)
    upstream = channels(2, depth, 5, 1.0, seed=1) - 0.3
    ours.backward(upstream)
    theirs.backward(upstream)
    assert x.grad is not None
    assert y.grad is not None
    torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-7)  # our band is kept in float32
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("memory", FORMATS)
@pytest.mark.parametrize("shape", [(2, 96, 9), (1, 7, 1), (3, 1, 4)])
def test_the_2012_norm_equals_pytorchs_to_ten_digits(shape: tuple[int, int, int], memory: torch.memory_format) -> None:
    x = channels(*shape).to(memory_format=memory).requires_grad_()
    y = x.detach().clone().requires_grad_()
    ours, theirs = response_norm(x), nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)(y)
    upstream = channels(*shape, scale=1.0, seed=1) - 0.3
    ours.backward(upstream)
    theirs.backward(upstream)
    assert x.grad is not None
    assert y.grad is not None
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-10, atol=1e-10)


def test_more_positions_than_a_slice_give_the_same_as_fewer() -> None:
    x = channels(3, 6, 80)  # 19,200 positions
    torch.testing.assert_close(response_norm(x), torch.cat([response_norm(one[None]) for one in x]), rtol=1e-13, atol=0)


@pytest.mark.parametrize("beta", [0.75, 0.6])
@pytest.mark.parametrize("memory", FORMATS)
def test_the_gradient_of_the_norm_is_exact(beta: float, memory: torch.memory_format) -> None:
    x = (channels(2, 7, 3, 2.0) - 0.5).contiguous(memory_format=memory).requires_grad_()
    norm = ResponseNorm(7, towers=1, neighbours=4, alpha=0.3, beta=beta, k=1.5).double()  # even: unequal sides
    assert torch.autograd.gradcheck(norm, (x,))


@pytest.mark.parametrize("memory", FORMATS)
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_bf16_is_the_norm_to_its_own_precision(scale: float, memory: torch.memory_format) -> None:
    x = channels(2, 96, 13, scale)
    reference_in, reduced = x.clone().requires_grad_(), x.bfloat16().contiguous(memory_format=memory).requires_grad_()
    reference = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)(reference_in)
    ours = ResponseNorm(96, towers=1, neighbours=5, alpha=1e-4, beta=0.75, k=2.0)(reduced)
    assert ours.dtype == torch.bfloat16
    torch.testing.assert_close(ours.double(), reference, rtol=0.03, atol=0.01 * scale)
    reference.sum().backward()
    ours.sum().backward()
    assert reduced.grad is not None
    assert reference_in.grad is not None
    torch.testing.assert_close(reduced.grad.double(), reference_in.grad, rtol=0.05, atol=0.02)


def test_alpha_is_divided_by_the_neighbours_and_the_printed_formula_is_five_times_it() -> None:
    x = channels(1, 12, 2)
    printed = torch.empty_like(x)
    for i in range(12):  # b_i = a_i / (k + alpha sum_j a_j^2) ^ beta, j from i - n/2 to i + n/2: paper 3.3
        energy = x[:, max(0, i - 2) : i + 3].square().sum(1)
        printed[:, i] = x[:, i] / (2 + 1e-4 * energy) ** 0.75
    torch.testing.assert_close(response_norm(x, alpha=5e-4), printed, rtol=1e-10, atol=1e-10)
    assert not torch.allclose(response_norm(x), printed, rtol=1e-3)


@pytest.mark.parametrize("depth", [96, 256])
def test_a_norm_within_towers_is_two_norms_and_differs_at_the_border_alone(depth: int) -> None:
    x, half = channels(2, depth, 3), depth // 2
    within, across = norm_2012(depth, towers=2)(x), norm_2012(depth)(x)
    plain = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)
    torch.testing.assert_close(within, torch.cat([plain(x[:, :half]), plain(x[:, half:])], 1), rtol=1e-12, atol=0)
    differing = (~torch.isclose(within, across, rtol=1e-9, atol=0)).any(dim=(0, 2, 3)).nonzero().flatten().tolist()
    assert differing == [half - 2, half - 1, half, half + 1]


@pytest.mark.parametrize("largest", [1.0, 300.0])
def test_in_float64_a_norm_is_the_formula_to_1e_12(largest: float) -> None:
    """Made as a float32 network is, then doubled: nothing of it has been rounded to float32."""
    x = torch.rand(2, 96, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) * largest
    theirs = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)(x)
    torch.testing.assert_close(norm_2012(96)(x), theirs, rtol=1e-12, atol=0)


def test_a_band_counts_every_neighbour_once() -> None:
    band = neighbour_band(8, 5, towers=2)
    assert torch.equal(band, band.T)
    assert band.sum(0).tolist() == [3, 4, 4, 3] * 2


def test_the_band_travels_with_no_weights() -> None:
    assert norm_2012(96).state_dict() == {}


def test_a_nonlinearity_may_follow_the_norm_in_place() -> None:
    x = (channels(2, 8, 3) - 20).requires_grad_()
    functional.relu(norm_2012(8)(x), inplace=True).sum().backward()
    assert x.grad is not None
    assert (x.grad != 0).any()


@pytest.mark.parametrize(("side", "alpha"), [(3, 5e-5), (5, 0.3)])
def test_same_map_norm_equals_a_plain_loop(side: int, alpha: float) -> None:
    x = channels(2, 3, 6)
    expected = torch.empty_like(x)
    reach = side // 2
    for row in range(6):
        for column in range(6):  # windows that hang over the edge see zeros there; alpha is divided by the whole window
            window = x[:, :, max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
            energy = window.square().sum((2, 3)) / side**2
            expected[:, :, row, column] = x[:, :, row, column] / (1.0 + alpha * energy) ** 0.75
    norm = SameMapNorm(side=side, alpha=alpha, beta=0.75, k=1.0)
    torch.testing.assert_close(norm(x), expected, rtol=1e-12, atol=1e-12)
    assert torch.autograd.gradcheck(norm, (channels(1, 2, 4, 2.0).requires_grad_(),))


def local(channels_in: int, maps_out: int, kernel: int, stride: int, padding: int, size: int) -> LocalConv2d:
    side = (size + 2 * padding - kernel) // stride + 1
    layer = LocalConv2d(channels_in, maps_out, kernel, stride=stride, padding=padding, side=side).double()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        layer.weight.normal_(generator=generator)
        layer.bias.normal_(generator=generator)
    return layer


WINDOWS = [(3, 1, 1, 8), (3, 1, 0, 6), (5, 2, 2, 9), (2, 3, 1, 7), (1, 1, 0, 4)]  # kernel, stride, padding, size


@pytest.mark.parametrize("memory", FORMATS)
@pytest.mark.parametrize(("kernel", "stride", "padding", "size"), WINDOWS)
def test_a_local_layer_with_one_weight_everywhere_is_a_convolution(
    kernel: int, stride: int, padding: int, size: int, memory: torch.memory_format
) -> None:
    layer = local(3, 4, kernel, stride, padding, size)
    with torch.no_grad():
        layer.weight.copy_(layer.weight[0].clone())
        layer.bias.copy_(layer.bias[0].clone())
    x = (channels(2, 3, size) - 10).contiguous(memory_format=memory)
    weight = layer.weight[0].view(kernel, kernel, 3, 4).permute(3, 2, 0, 1)
    torch.testing.assert_close(layer(x), functional.conv2d(x, weight, layer.bias[0], stride, padding), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("kernel", "stride", "padding", "size"), WINDOWS)
def test_a_local_layer_equals_a_product_per_position(kernel: int, stride: int, padding: int, size: int) -> None:
    layer = local(3, 4, kernel, stride, padding, size)
    x = channels(2, 3, size) - 10
    patches = functional.unfold(x, kernel, stride=stride, padding=padding)  # (N, channels kernel kernel, positions)
    weights = layer.weight.view(-1, kernel, kernel, 3, 4).permute(0, 3, 1, 2, 4).flatten(1, 3)
    expected = torch.einsum("nip,pio->nop", patches, weights) + layer.bias.T
    torch.testing.assert_close(layer(x).flatten(2), expected, rtol=1e-10, atol=1e-10)


def test_the_gradient_of_a_local_layer_is_exact() -> None:
    layer = local(2, 3, 3, 1, 1, 3)
    x = channels(2, 2, 3, 1.0).requires_grad_()
    parameters = (layer.weight.detach().clone().requires_grad_(), layer.bias.detach().clone().requires_grad_())

    def scores(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        result: Tensor = torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (images,))
        return result

    assert torch.autograd.gradcheck(scores, (x, *parameters))


@pytest.mark.parametrize("ceil", [True, False])
def test_mixed_pooling_is_half_of_each(ceil: bool) -> None:
    x = channels(2, 3, 8)
    largest = functional.max_pool2d(x, 3, 2, ceil_mode=ceil)
    mean = functional.avg_pool2d(x, 3, 2, ceil_mode=ceil)
    pooled = MaxAndAveragePool2d(3, 2, ceil=ceil)(x)
    assert pooled.shape[-1] == (4 if ceil else 3)
    torch.testing.assert_close(pooled, 0.5 * largest + 0.5 * mean)


@pytest.mark.parametrize(("side", "same"), [(55, True), (27, True), (13, True), (32, False), (16, False), (8, False), (54, False)])
def test_ceil_and_floor_pooling_agree_at_the_2012_sizes_only(side: int, same: bool) -> None:
    x = channels(1, 2, side)
    floor, ceil = functional.max_pool2d(x, 3, 2), functional.max_pool2d(x, 3, 2, ceil_mode=True)
    assert (floor.shape == ceil.shape and torch.equal(floor, ceil)) == same


@pytest.mark.parametrize("shape", [(96, 3, 11, 11), (256, 48, 5, 5), (4096, 9216), (64, 288, 32)])
def test_fans_are_pytorchs(shape: tuple[int, ...]) -> None:
    weight = torch.empty(shape, device="meta")
    if len(shape) == 3:
        assert fan(weight) == (288, 32)
        return
    inputs = math.prod(shape[1:])
    assert fan(weight) == (inputs, shape[0] * math.prod(shape[2:])) == nn.init._calculate_fan_in_and_fan_out(weight)


@pytest.mark.parametrize("beta", [0.5, 0.75, 1.3])
@pytest.mark.parametrize("towers", [1, 2])
def test_the_norms_gradient_is_that_of_finite_differences(beta: float, towers: int) -> None:
    norm = ResponseNorm(6, towers=towers, neighbours=4, alpha=0.3, beta=beta, k=1.5).double()
    assert torch.autograd.gradcheck(norm, (channels(2, 6, 2, 2.0).requires_grad_(),))


@pytest.mark.parametrize("ceil", [False, True])
def test_the_mixed_poolings_gradient_is_that_of_finite_differences(ceil: bool) -> None:
    x = torch.randperm(2 * 2 * 6 * 6, generator=torch.Generator().manual_seed(0)).double().view(2, 2, 6, 6)  # no ties
    assert torch.autograd.gradcheck(MaxAndAveragePool2d(3, 2, ceil=ceil), (x.requires_grad_(),))
