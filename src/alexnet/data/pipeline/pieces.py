"""A batch in pieces, so that the float copy of a piece stays in the CPU's cache."""

from torch import Tensor

_VALUES = 1 << 20  # in a piece


def cache_sized(images: Tensor) -> list[slice]:
    """Slices of a batch (N, ...) that cover it, of equal size but for the last; a single one on a GPU."""
    values = max(1, images.shape[1:].numel())
    piece = max(1, _VALUES // values if images.device.type == "cpu" else len(images))
    return [slice(start, start + piece) for start in range(0, len(images), piece)]
