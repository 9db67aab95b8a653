"""What the numbers of a study can be: a file with others is refused where it is read, not where its page is drawn.

Wide enough for whatever a run can measure: the norm of a gradient may be that of any float32, and a network that learns nothing is allowed.
"""

from collections.abc import Iterable, Mapping

Bounds = tuple[float, float]

SHARE: Bounds = (0.0, 1.0)  # of images: an error
DIFFERENCE: Bounds = (-1.0, 1.0)  # of two errors
FACTOR: Bounds = (1e-100, 1e100)  # between two arms
NOISE: Bounds = (0.0, 100.0)  # of a difference, or of the logarithm of a factor
AMOUNT: Bounds = (0.0, 1e12)  # epochs, seconds
SIGNAL: Bounds = (0.0, 1e40)  # of a layer: the norm of a gradient, a mean output
RATE: Bounds = (1e-100, 1e12)
OF_A_CURVE = {"epoch": AMOUNT, "training_error": SHARE, "validation_error": SHARE}  # what is drawn of an epoch's row


def check(bounds: Bounds, what: str, values: Iterable[float | None]) -> None:
    """Raise ValueError for a value outside of the bounds; None is a value that was not measured. what: their name in the message."""
    low, high = bounds
    for value in values:
        if value is not None and not low <= value <= high:
            raise ValueError(f"{what} is {value:g}, and must be from {low:g} to {high:g}")


def check_curve(rows: Iterable[Mapping[str, float]]) -> None:
    """Raise ValueError for a number in the rows of a training's epochs that cannot be."""
    for row in rows:
        for name, bounds in OF_A_CURVE.items():
            check(bounds, f"{name} of a curve", [row.get(name)])
