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

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        from alexnet.i18n.notebook import html_table
        from alexnet.i18n.units import certainty

        rows: list[tuple[object, ...]] = [(name, certainty(probability)) for name, probability in self.top]
        return html_table(self.file, [*rows, *([("error", self.error)] if self.error else [])])

    def to_json(self) -> dict[str, Any]:
        """A JSON object with the keys of `alexnet predict --json`."""
        top = [{"class": name, "probability": probability} for name, probability in self.top]
        return {"file": self.file, "top": top, "error": self.error, "unlike": self.unlike}
