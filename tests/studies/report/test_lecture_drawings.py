"""What the lecture's drawings are computed from, against other ways to compute it."""

import numpy as np
import torch
from torch.nn import functional

from alexnet.models.networks.alexnet import ALEXNET_2012
from alexnet.models.networks.architecture import Architecture
from alexnet.models.networks.lenet import LENET
from alexnet.studies.report.lecture.measured_drawings import correlations, grey, shuffled, unchanged
from alexnet.studies.report.lecture.network_drawings import fields_of


def seen(architecture: Architecture, last: str) -> int:
    """The side of what the middle of a layer depends on: the pixels with a gradient, of averages over the same windows."""
    image = torch.ones(1, 1, 401, 401, dtype=torch.float64, requires_grad=True)
    maps = image
    for conv in architecture.convs:
        maps = functional.avg_pool2d(maps, conv.kernel, conv.stride)
        if conv.name == last:
            break
        if conv.pool:
            maps = functional.avg_pool2d(maps, architecture.pool_kernel, architecture.pool_stride)
            if last == f"pool{conv.name.removeprefix('conv')}":
                break
    maps[0, 0, maps.shape[2] // 2, maps.shape[3] // 2].backward()
    assert image.grad is not None
    return int((image.grad[0, 0].abs().sum(0) > 0).sum())


def test_what_a_position_sees_is_what_has_a_gradient() -> None:
    for architecture in (LENET, ALEXNET_2012):
        for layer, side in fields_of(architecture):
            assert side == seen(architecture, layer), layer
    assert dict(fields_of(ALEXNET_2012))["pool5"] == 195


def test_no_pooling_forgives_one_side_more_than_the_other() -> None:
    """The slide says that windows of 2 forgive a shift to one side only, windows of 3 to both."""
    two, three = ([unchanged(window, shift) for shift in (-1, 1)] for window in (2, 3))
    assert abs(two[0] - two[1]) < 0.02
    assert abs(three[0] - three[1]) < 0.02
    assert 0.15 < max(two) < 0.35 < min(three) + 0.1 < 0.6


def test_the_closer_pixels_are_the_more_alike_until_their_columns_are_shuffled() -> None:
    photographs, mixed = correlations(grey()), correlations(shuffled(grey()))
    assert photographs == sorted(photographs, reverse=True)
    assert photographs[0] > 0.9
    assert photographs[0] - photographs[-1] > 0.5
    assert max(mixed) - min(mixed) < 0.15  # distance means nothing any more
    direct = [np.corrcoef(one[:, :-1].ravel(), one[:, 1:].ravel())[0, 1] for one in grey()]
    assert photographs[0] == float(np.mean(direct))
