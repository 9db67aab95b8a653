"""What tests attack, counted: `make fire` prints a table of it."""

from collections import Counter

MADE: Counter[str] = Counter()


def attacked(what: str, n: int = 1) -> None:
    """Count n attacks of a kind, all of which ended as they must."""
    MADE[what] += n
