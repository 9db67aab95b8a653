"""The progress of a training: everything besides weights and momentum that a run needs to resume exactly."""

import json
import math
from dataclasses import asdict, dataclass, field

from alexnet.storage.records import convert, parse_json
from alexnet.training.config import MOST
from alexnet.training.schedule import Plateau

MOST_COUNTED = 10**12


@dataclass(slots=True)
class TrainingState:
    """Counters of a training; they survive JSON bit for bit."""

    step: int = 0  # optimizer steps taken
    epoch: int = 0  # whole epochs done
    step_in_epoch: int = 0
    progress: float = 0.0  # 0 to 1 of the schedule
    planned_steps: int = 0
    seconds: float = 0.0  # trained so far, over all resumptions
    loss_sum: float = 0.0  # over the images of the current epoch
    error_sum: float = 0.0
    images_seen: int = 0
    best_error: float = math.inf
    best_loss: float = math.inf
    epochs_at_chance: int = 0
    finished: bool = False
    plateau: Plateau = field(default_factory=Plateau)
    history: list[dict[str, float]] = field(default_factory=list)

    def to_json(self) -> str:
        """The state as one JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "TrainingState":
        """The state that `to_json` wrote; raises ValueError for text that it cannot have written."""
        values = parse_json(text)
        if not {"step", "epoch"} <= set(values):
            raise ValueError("the training state lacks its counters")
        state = convert(cls, values, finite=False)  # the best error before the first epoch is infinite
        counts = state.step, state.epoch, state.step_in_epoch, state.planned_steps, state.images_seen, state.epochs_at_chance
        if not 0 <= min(counts) <= max(counts) <= MOST_COUNTED or not 0 <= state.plateau.drops <= MOST["plateau_drops"]:
            raise ValueError("a counter of the training state is out of range")
        if not (0 <= state.progress <= 1 and 0 <= state.seconds < math.inf):
            raise ValueError("a counter of the training state is out of range")
        return state

    @property
    def training_loss(self) -> float:
        """The mean loss over the images of the current epoch."""
        return self.loss_sum / max(1, self.images_seen)

    @property
    def training_error(self) -> float:
        """The share of the images of the current epoch that were misclassified."""
        return self.error_sum / max(1, self.images_seen)

    def advance(self) -> None:
        """Count one optimizer step."""
        self.step += 1
        self.step_in_epoch += 1

    def add(self, loss: float, wrong: float, images: int) -> None:
        """Add one step's images to the current epoch's sums."""
        self.loss_sum += loss * images
        self.error_sum += wrong
        self.images_seen += images

    def start_epoch(self) -> None:
        """Count one epoch, and reset the sums of the epoch."""
        self.epoch += 1
        self.step_in_epoch = 0
        self.loss_sum = self.error_sum = 0.0
        self.images_seen = 0
