"""Labels exchanged at random: classes keep their sizes, other images their labels."""

import pytest
import torch

from alexnet.data.named.registry import NAMED
from alexnet.data.pipeline.image_store import open_images
from alexnet.data.pipeline.random_labels import with_random_labels


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_of_the_images_exchange_their_classes(share: float) -> None:
    store = open_images(NAMED["digits"](), 8, "squash", workers=0)
    indices = range(1_000)
    other = with_random_labels(store, indices, share, seed=3)
    changed = (other.labels != store.labels).nonzero().flatten()
    assert len(changed) == pytest.approx(0.9 * share * 1_000, abs=40)  # one in ten gets its own class again
    assert not len(changed) or int(changed.max()) < 1_000
    assert torch.equal(other.labels[:1_000].bincount(), store.labels[:1_000].bincount())
    assert torch.equal(other.square(5), store.square(5))
    assert torch.equal(with_random_labels(store, indices, share, seed=3).labels, other.labels)
    assert not share or not torch.equal(with_random_labels(store, indices, share, seed=4).labels, other.labels)
