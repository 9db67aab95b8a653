"""Several claims tested at once: which verdicts stand if all of them together may be wrong in one study of twenty (Holm 1979)."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Each p value multiplied so that the smallest of m counts m times, the next m - 1 times, and none falls below one before it."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, highest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted
