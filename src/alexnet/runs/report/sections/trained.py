"""What was trained: the model, the reason for it, the data set's splits and classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alexnet.i18n.phrases import REASONS, SPLITS
from alexnet.runs.report.part import About, FinishedRun, Part
from alexnet.runs.report.section import RunPage, Section

LONGER_NAMES = {"train": "training", "test": "the final test"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """model_reason: a sentence. counts: the number of images in each split."""

    model_reason: str
    counts: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedView:
    """counts: the number of images and the name of each split."""

    about: About
    model_reason: str
    counts: Sequence[tuple[int, str]]


def collect(finished: FinishedRun) -> Trained:
    """The reason and the sizes of the splits."""
    splits = finished.splits
    counts = {"training": len(splits.train), "validation": len(splits.validation), "test": len(splits.test)}
    return Trained(model_reason=f"This model was chosen because {finished.reason}.", counts=counts)


def view(page: RunPage) -> TrainedView | None:
    """The reason and the splits, in the page's language."""
    if (part := page.part(Trained)) is None:
        return None
    counts = [(n, page.words.known(LONGER_NAMES.get(split, split), SPLITS)) for split, n in part.counts.items()]
    return TrainedView(about=page.about, model_reason=page.words.retold(part.model_reason, REASONS), counts=counts)


SECTION = Section(name="trained", view=view, part=Part(kind=Trained, collect=collect))
