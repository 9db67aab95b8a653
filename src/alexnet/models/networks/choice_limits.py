"""The limits of the numbers in NetworkChoices. Independent of any table."""

import math

from alexnet.errors import BadModel

AT_MOST = {  # the largest values of fields of NetworkChoices
    "pool_kernel": 4_096,
    "norm_alpha": 1e6,
    "norm_k": 1e6,
    "fully_connected": 100,
    "hidden_units": 1 << 20,
    "convolutions_3x3": 100,
    "first_kernel": 4_096,
    "first_stride": 4_096,
    "first_padding": 4_096,
    "first_channels": 1 << 16,
    "width": 1_000,
}
SMALLEST_K = 1e-6
AT_LEAST_ONE = ("pool_kernel", "hidden_units", "towers", "first_kernel", "first_stride", "first_channels")  # fields of NetworkChoices


def check_number(name: str, value: float) -> None:
    """Raise BadModel for a number that is impossible in that field, whatever the network."""
    if not 0 <= value < math.inf:
        raise BadModel(f"network.{name} is {value}; it cannot be negative or infinite.")
    if name == "norm_k" and value < SMALLEST_K:
        raise BadModel(
            f"network.norm_k is {value:g}, and a power of it divides where no neighbour is active; it must be at least {SMALLEST_K:g}. "
            "The paper's is 2, Caffe's 1."
        )
    if name in AT_LEAST_ONE and value < 1:
        raise BadModel(f"network.{name} is {value}; it must be at least 1.")
    if value > AT_MOST.get(name, math.inf):
        raise BadModel(f"network.{name} is {value}; it is at most {AT_MOST[name]:,.0f}.")
