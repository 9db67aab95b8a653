"""Images that move by a few pixels, and whether that changes what a network says."""

import torch
from torch import Tensor, nn

from alexnet.data.named.registry import NAMED
from alexnet.data.pipeline.image_store import open_images
from alexnet.studies.shifts import moved, shifted


def test_an_image_moves_to_the_right_and_its_border_is_reflected() -> None:
    images = torch.arange(6, dtype=torch.uint8).expand(1, 3, 6, 6)
    assert shifted(images, 4, 0)[0, 0, 0].tolist() == [1, 2, 3, 4]
    assert shifted(images, 4, 1)[0, 0, 0].tolist() == [0, 1, 2, 3]
    assert shifted(images, 4, 3)[0, 0, 0].tolist() == [2, 1, 0, 1]


class Means(nn.Module):
    """The class is the brighter half of the image; with `whole`, the one class of all images."""

    def __init__(self, *, whole: bool) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, images: Tensor) -> Tensor:
        columns = images.float().mean((1, 2))
        left, right = columns[:, :3].sum(1), columns[:, 3:].sum(1)
        return torch.stack([left, torch.zeros_like(right) if self.whole else right], 1)


def test_predictions_that_change_are_counted_image_by_image() -> None:
    store = open_images(NAMED["digits"](), 8, "squash", workers=0)
    indices = range(300)
    assert not any(moved(Means(whole=True), store, indices, 6, torch.device("cpu")))  # type: ignore[arg-type]  # any module will do
    found = moved(Means(whole=False), store, indices, 6, torch.device("cpu"))  # type: ignore[arg-type]  # any module will do
    assert len(found) == 300
    model = Means(whole=False)
    images = store.squares[:300] if store.squares is not None else next(store.stream([indices]))
    still, far = (model(images[..., 1:7, start : start + 6]).argmax(1) for start in (1, 0))  # by 1 px, without a border
    assert all(now for now, changes in zip(found, (still != far).tolist(), strict=True) if changes)
    assert 0.05 < sum(found) / 300 < 0.95
