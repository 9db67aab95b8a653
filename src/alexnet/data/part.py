"""Some pictures of a data set, as a data set: what is not asked for is not decoded."""

from collections.abc import Sequence

from torch import Tensor

from alexnet.data.dataset import Dataset, Traits
from alexnet.data.headers import Header
from alexnet.data.images import Fit


class Part(Dataset):
    """The pictures `indices` of `whole`, in that order; picture i here is picture indices[i] there."""

    def __init__(self, whole: Dataset, indices: Sequence[int]) -> None:
        self.whole, self.indices = whole, tuple(indices)
        self.name, self.classes = whole.name, whole.classes
        self.items = tuple(whole.items[index] for index in self.indices)

    @property
    def traits(self) -> Traits:
        """The whole's."""
        return self.whole.traits

    def content(self, index: int) -> bytes:
        """The encoded file; raises UnreadableImage."""
        return self.whole.content(self.indices[index])

    def image(self, index: int) -> Tensor:
        """The upright picture, uint8 (3, H, W); raises UnreadableImage."""
        return self.whole.image(self.indices[index])

    def header(self, index: int) -> Header:
        """Size and kind; raises UnreadableImage."""
        return self.whole.header(self.indices[index])

    def fitted(self, index: int, size: int, how: Fit) -> tuple[Tensor, bytes, Header]:
        """The picture as a square, with its bytes and header; raises UnreadableImage."""
        return self.whole.fitted(self.indices[index], size, how)
