"""Batches of images of equal shape, from images of any shapes."""

from collections.abc import Generator, Iterable, Iterator

import torch
from torch import Tensor

WAITING = 4  # most images, in batches, that wait for others of their shape
MOST, LEAST, SIDE = 256, 16, 96  # images of a batch; on a CPU it has no more pixels than MOST images of SIDE px

Batches = Iterator[tuple[list[int], Tensor]]  # numbers of images, and the images, uint8 (n, 3, H, W)


def images_at_once(size: int, device: torch.device) -> int:
    """How many images of `size` px a network is measured on at once.

    On a CPU as many as have the pixels of 256 images of 96 px: the maps of a network's first layers would take gigabytes otherwise, and
    larger batches are not faster.
    """
    return MOST if device.type != "cpu" else max(LEAST, min(MOST, MOST * SIDE**2 // size**2))


def batches_by_shape(images: Iterable[tuple[int, Tensor]], batch_size: int) -> Generator[tuple[list[int], Tensor]]:
    """Batches of up to `batch_size` of the numbered images (3, H, W): images of equal shape share a batch, wherever they are in the order.

    A batch of long images is smaller: it has no more pixels than `batch_size` squares of the same short side. Memory does not grow with
    the number of images: when too many pixels are waiting, the images of the most frequent shape are returned first.
    """
    waiting: dict[torch.Size, tuple[list[int], list[Tensor]]] = {}
    squares = 0.0  # that are waiting, in squares of the short side
    for number, image in images:
        numbers, of_shape = waiting.setdefault(image.shape, ([], []))
        numbers.append(number)
        of_shape.append(image)
        squares += _aspect(image.shape)
        full = image.shape if (len(numbers) + 1) * _aspect(image.shape) > batch_size else None
        if full is None and squares >= WAITING * batch_size:
            full = _most_frequent(waiting)
        if full is not None:
            numbers, of_shape = waiting.pop(full)
            squares -= len(numbers) * _aspect(full)
            yield numbers, torch.stack(of_shape)
    for numbers, of_shape in waiting.values():
        yield numbers, torch.stack(of_shape)


def _aspect(shape: torch.Size) -> float:
    """Long side by short side: how many squares of the short side an image holds."""
    return max(shape[-2:]) / min(shape[-2:])


def _most_frequent(waiting: dict[torch.Size, tuple[list[int], list[Tensor]]]) -> torch.Size:
    return max(waiting, key=lambda shape: len(waiting[shape][0]))
