"""The prepared data of a run: images, splits, colours, and the baseline."""

from dataclasses import dataclass

from alexnet.data.curation.splits import Splits
from alexnet.data.pipeline.colour_statistics import ColourPCA
from alexnet.data.pipeline.image_store import ImageStore
from alexnet.data.preprocess import Preprocess
from alexnet.runs.baseline import Baseline


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """The data that a model is fitted to.

    preprocess: measured on the training images. colours: of a network's training images; None for a hand-crafted system.
    """

    images: ImageStore
    splits: Splits
    preprocess: Preprocess
    colours: ColourPCA | None = None
    baseline: Baseline | None = None
