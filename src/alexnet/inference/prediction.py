"""What a classifier answers for one image. Independent of PyTorch."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Prediction:
    """The most likely classes of one image, best first; `error` is the reason if there are none."""

    file: str
    top: tuple[tuple[str, float], ...]  # (class, probability)
    error: str | None = None
    unlike: bool | None = None  # whether it is unlike the training images; None if the run has not measured what is

    def to_json(self) -> dict[str, Any]:
        """A JSON object with the keys of `alexnet predict --json`."""
        top = [{"class": name, "probability": probability} for name, probability in self.top]
        return {"file": self.file, "top": top, "error": self.error, "unlike": self.unlike}
