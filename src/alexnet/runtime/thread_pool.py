"""Work on several threads with results in order: for decoding, which releases Python's global interpreter lock."""

import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

AHEAD = 4  # items per thread that are begun before the caller needs them, unless it says otherwise

Item = TypeVar("Item")
Found = TypeVar("Found")


def map_in_order(work: Callable[[Item], Found], items: Iterable[Item], *, threads: int, ahead: int = AHEAD) -> Generator[Found]:
    """Yield `work(item)` for each item, in the order of the items; the calling thread reads the items a few at a time.

    With 0 threads, all work runs in the calling thread. Otherwise at most `ahead` items per thread are waiting, running or done and not yet
    yielded, so memory does not grow with the number of items. Closing the generator drops what has not begun. In the pool's threads torch,
    if it is loaded, computes on one thread: its own threads would spend longer waiting for each other than working.
    """
    if threads < 1:
        yield from map(work, items)
        return
    waiting: deque[Future[Found]] = deque()
    torch = sys.modules.get("torch")
    own_threads = torch.get_num_threads() if torch else 0
    with ThreadPoolExecutor(threads, **({"initializer": torch.set_num_threads, "initargs": (1,)} if torch else {})) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > ahead * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            if torch:
                torch.set_num_threads(own_threads)  # otherwise threads that start later would inherit the pool's setting
