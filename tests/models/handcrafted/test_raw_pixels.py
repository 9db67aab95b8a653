"""Pixels as features."""

import numpy as np
import torch
from sklearn.datasets import load_sample_images

from alexnet.models.handcrafted.raw_pixels import Pixels


def test_scales_to_one_channel_by_channel() -> None:
    photo = load_sample_images().images[0][:32, :32]
    features = Pixels(32)(torch.from_numpy(photo.copy()).permute(2, 0, 1)[None])
    assert features.dtype == torch.float32
    np.testing.assert_allclose(features[0], photo.transpose(2, 0, 1).reshape(-1) / 255, rtol=1e-7)


def test_ends_of_the_scale_and_float64() -> None:
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    pixels = Pixels(1)
    assert pixels.dimensions == pixels.macs == 3
    assert pixels(images).tolist() == [[0.0, float(np.float32(0.2)), 1.0]]
    assert pixels.double()(images).tolist() == [[0.0, 0.2, 1.0]]
    assert pixels.state_dict() == {}
