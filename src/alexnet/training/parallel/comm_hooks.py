"""How gradients are exchanged: communication hooks for PyTorch's DistributedDataParallel that add them, where the default averages.

Each worker's loss is its images' part of the whole batch's mean, so the gradient is the plain sum, whatever the sizes of the parts.
"""

from collections.abc import Callable

import torch
import torch.distributed as dist
from torch import Tensor
from torch._C._distributed_c10d import GradBucket
from torch.futures import Future

from alexnet.training.config import WirePrecision

Hook = Callable[[object, GradBucket], Future[Tensor]]


def added(_: object, bucket: GradBucket) -> Future[Tensor]:
    """Add the workers' gradients as they are."""
    return _added(bucket.buffer()).then(lambda done: done.value()[0])


def added_in_bf16(_: object, bucket: GradBucket) -> Future[Tensor]:
    """Add the workers' gradients, rounded to bf16 for the exchange: half the bytes, 8 bits of precision."""
    gradients = bucket.buffer()
    return _added(gradients.to(torch.bfloat16)).then(lambda done: gradients.copy_(done.value()[0]))


def hook(precision: WirePrecision) -> Hook:
    """The hook for a precision."""
    return {"exact": added, "bf16": added_in_bf16}[precision]


def _added(numbers: Tensor) -> Future[list[Tensor]]:
    work = dist.all_reduce(numbers, async_op=True)
    assert work is not None
    future: Future[list[Tensor]] = work.get_future()
    return future
