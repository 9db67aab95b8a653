"""One export: the run, its classifier, and the images that the exported model is checked on."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alexnet.errors import AlexNetError, BadRun
from alexnet.exports.run_images import Squares, generated, squares_of_run
from alexnet.inference.classifier import Classifier
from alexnet.inference.exported import ExportRecord
from alexnet.inference.model_folder import model_folder
from alexnet.recipes.toml import from_toml
from alexnet.runs.folder import RunFolder
from alexnet.runtime.events import Listener, Message, silent

CHECKED, MEASURED, CALIBRATION = 512, 10_000, 256  # images: for a check, for an accuracy before and after, to find ranges
MOST_GENERATED = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What a target needs. int8: whole numbers; max_loss: points of validation accuracy that they may cost; runtime: web's archive."""

    path: Path
    classifier: Classifier
    int8: bool = False
    max_loss: float = 0.5
    listen: Listener = silent
    runtime: Path | None = None

    def images(self, split: str, most: int) -> Iterator[Squares]:
        """Up to `most` images of a split, a few at a time; generated ones, with a message, if the run's cannot be read."""
        images = self.own_images(split, most)
        try:
            first = next(images)
        except AlexNetError as problem:
            self.listen(Message(f"The run's pictures cannot be read, so the check uses generated ones. {problem}"))
            yield generated(self.classifier.model_card.preprocess.stored_size, min(most, MOST_GENERATED))
            return
        yield first
        yield from images

    def own_images(self, split: str, most: int) -> Iterator[Squares]:
        """Up to `most` images of a split of the run's own data set; raises AlexNetError, at the first, if they cannot be read."""
        return squares_of_run(RunFolder(self.path, writes=False), self.classifier, split, most)

    def record(self) -> ExportRecord:
        """The record for an exported file."""
        trained, sizes = self.classifier.model_card, self.classifier.model_card.preprocess
        return ExportRecord(
            model=trained.model,
            classes=trained.classes,
            image_size=sizes.image_size,
            stored_size=sizes.stored_size,
            fit=sizes.fit,
            channels=trained.channels,
            flip=trained.flip,
            provenance=self._provenance(),
            scores=trained.scores,
            versions=trained.versions,
        )

    def _provenance(self) -> dict[str, object]:
        """Where the weights come from; names without folders, since the file may be published."""
        weights = (model_folder(self.path) / "model.safetensors").read_bytes()
        found: dict[str, object] = {"run": self.path.resolve().name, "weights_sha256": hashlib.sha256(weights).hexdigest()}
        folder = RunFolder(self.path, writes=False)
        if folder.recipe.exists():
            recipe = from_toml(folder.recipe)
            found |= {"data": Path(recipe.data).name or recipe.data, "recipe": recipe.name, "seed": recipe.seed}
        return found


def check_run(path: Path) -> None:
    """Raise BadRun for what is no run folder, with the reason."""
    if path.is_file():
        raise BadRun(f"{path} is a file. Pass the run folder that `alexnet train --out` wrote.")
    model_folder(path)
