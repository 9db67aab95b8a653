"""How many images and bytes are in the service at once: what exceeds that is refused at once, not queued.

A queue without a bound answers everybody late; a bounded one answers those it accepts in time.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fastapi import HTTPException

SMOOTHING = 0.1  # weight of the latest batch in the mean time per image
LONGEST_RETRY = 60  # seconds


@dataclass(slots=True)
class Admission:
    """Counts what has been accepted and not answered. Used by the event loop alone, so it needs no lock."""

    most_images: int
    most_bytes: int
    images: int = 0
    bytes: int = 0
    refused: int = 0
    seconds_per_image: float = field(default=0.01)

    @contextmanager
    def request(self) -> Iterator["Admitted"]:
        """One request with one image, until it is answered; raises HTTPException 503 if there is no room."""
        admitted = Admitted(self)
        try:
            admitted.add(images=1)
            yield admitted
        finally:
            self.images -= admitted.images
            self.bytes -= admitted.bytes

    def measured(self, images: int, seconds: float) -> None:
        """Learn how long a batch took."""
        self.seconds_per_image += SMOOTHING * (seconds / images - self.seconds_per_image)

    def retry_after(self) -> int:
        """Whole seconds after which there is probably room."""
        return min(LONGEST_RETRY, max(1, math.ceil(self.images * self.seconds_per_image)))

    def refusal(self, reason: str) -> HTTPException:
        """The answer to a request for which there is no room."""
        self.refused += 1
        return HTTPException(503, reason, {"Retry-After": str(self.retry_after())})


@dataclass(slots=True)
class Admitted:
    """What one request has reserved."""

    admission: Admission
    images: int = 0
    bytes: int = 0

    def add(self, *, images: int = 0, size: int = 0) -> None:
        """Reserve more, `size` in bytes; raises HTTPException 503 if there is no room."""
        total = self.admission
        if total.images + images > total.most_images or total.bytes + size > total.most_bytes:
            raise total.refusal("The service is busy. Try again after the seconds in Retry-After.")
        self.images, self.bytes = self.images + images, self.bytes + size
        total.images, total.bytes = total.images + images, total.bytes + size
