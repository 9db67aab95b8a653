"""Batches of images of equal shape, from images of any shapes."""

from collections.abc import Generator, Iterable, Iterator

import torch
from torch import Tensor

WAITING = 4  # most images, in batches, that wait for others of their shape

Batches = Iterator[tuple[list[int], Tensor]]  # numbers of images, and the images, uint8 (n, 3, H, W)


def batches_by_shape(images: Iterable[tuple[int, Tensor]], batch_size: int) -> Generator[tuple[list[int], Tensor]]:
    """Batches of up to `batch_size` of the numbered images (3, H, W): images of equal shape share a batch, wherever they are in the order.

    Memory does not grow with the number of images: when too many are waiting, those of the most frequent shape are returned first.
    """
    waiting: dict[torch.Size, tuple[list[int], list[Tensor]]] = {}
    count = 0
    for number, image in images:
        numbers, of_shape = waiting.setdefault(image.shape, ([], []))
        numbers.append(number)
        of_shape.append(image)
        count += 1
        full = image.shape if len(numbers) == batch_size else _most_frequent(waiting) if count >= WAITING * batch_size else None
        if full is not None:
            numbers, of_shape = waiting.pop(full)
            count -= len(numbers)
            yield numbers, torch.stack(of_shape)
    for numbers, of_shape in waiting.values():
        yield numbers, torch.stack(of_shape)


def _most_frequent(waiting: dict[torch.Size, tuple[list[int], list[Tensor]]]) -> torch.Size:
    return max(waiting, key=lambda shape: len(waiting[shape][0]))
