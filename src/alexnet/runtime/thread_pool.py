"""Work done by threads, its results in the order of the work: for decoding, which lets go of Python's lock."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

AHEAD = 4  # items a thread may be ahead of the one whose result is taken

Item = TypeVar("Item")
Found = TypeVar("Found")


def map_in_order(work: Callable[[Item], Found], items: Iterable[Item], *, threads: int) -> Generator[Found]:
    """The result of `work` for each item, in the order of the items, which the calling thread reads a few at a time.

    0 threads do all work in the calling one. However many there are, at most AHEAD items a thread are begun and not taken, so that memory
    does not grow with the number of items. The caller closes the generator; what has not begun by then is dropped. Inside the threads
    torch computes with one thread of its own: they would spend longer waiting for each other than working.
    """
    if threads < 1:
        yield from map(work, items)
        return
    waiting: deque[Future[Found]] = deque()
    own_threads = torch.get_num_threads()
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            torch.set_num_threads(own_threads)  # threads that start later would take over the last number that was set
