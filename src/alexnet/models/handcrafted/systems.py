"""The hand-crafted systems as rows: descriptor, encoding, kernel. Independent of tensors and of solvers.

These are the systems before 2012: local gradients by a fixed formula, words or Gaussians fitted without labels, and one convex problem.
And one after: the features of a network that others have trained, in the place of the formula.
"""

import re
from dataclasses import dataclass, field
from typing import Literal, get_args

from alexnet.errors import BadRecipe
from alexnet.storage.records import shown

Descriptor = Literal["pixels", "hog", "sift", "sparse-sift", "surf", "efficientnet-lite0"]
Encoding = Literal["none", "words", "fisher"]
Kernel = Literal["linear", "rbf", "chi2", "intersection"]
PRETRAINED: tuple[Descriptor, ...] = ("efficientnet-lite0",)  # networks that come with their weights
CELLS = re.compile(r"([0-9]{1,2})x([0-9]{1,2})")
SIZE = re.compile(r"[0-9]{1,4}")
MOST_LEVELS = 16  # of bins or cells
MOST = {  # the largest values
    "step": 4_096,
    "cell": 4_096,
    "orientations": 360,
    "components": 1_024,
    "gaussians": 65_536,
    "words": 1_000_000,
    "sample_per_word": 100_000,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureConfig:
    """How an image becomes a vector; sizes are in pixels of the image at the system's image size."""

    descriptor: Descriptor = "sift"
    encoding: Encoding = "none"
    colour: bool = False  # local colour statistics as a second kind of descriptor, at the largest scale
    mirror: bool = False  # describe the mirror image too: right where mirrored images keep their class
    root: bool = False  # square roots of a pretrained network's features: large ones count less
    step: int = 4  # px between the centres of neighbouring descriptors
    bins: str = "4"  # px per side of each of a descriptor's 4 x 4 bins; several scales as "4,6,8"
    smoothing: float = 0.0  # px, standard deviation of the blur before gradients are computed
    cell: int = 8  # px per side of a HOG cell
    orientations: int = 9  # of a HOG cell, over 180 degrees
    components: int = 64  # of a descriptor after PCA, before the Gaussians
    gaussians: int = 64
    words: int = 1_000
    cells: str = "1x1"  # levels of parts of the image that are encoded separately, columns x rows, as "1x1,2x2"
    sample_per_word: int = 400  # maximum descriptors per word or Gaussian on which PCA, words and Gaussians are fitted

    def __post_init__(self) -> None:
        for name, kind in (("descriptor", Descriptor), ("encoding", Encoding)):
            if getattr(self, name) not in get_args(kind):
                raise BadRecipe(f"features.{name} is {shown(getattr(self, name))}; it can be {', '.join(map(repr, get_args(kind)))}.")
        for name, most in MOST.items():
            if getattr(self, name) < 1:
                raise BadRecipe(f"features.{name} is {getattr(self, name)}; it must be at least 1.")
            if getattr(self, name) > most:
                raise BadRecipe(f"features.{name} is {getattr(self, name)}; it is at most {most:,}.")
        if not 0 <= self.smoothing < 100:
            raise BadRecipe(f"features.smoothing is {self.smoothing:g}; it must be a standard deviation in pixels, from 0 to below 100.")
        _ = self.bin_sizes, self.pyramid

    @property
    def is_pretrained(self) -> bool:
        """Whether a network with its weights computes the features."""
        return self.descriptor in PRETRAINED

    @property
    def bin_sizes(self) -> tuple[int, ...]:
        """Pixels per side of a bin, one number per scale; raises BadRecipe."""
        sizes = [size.strip() for size in self.bins.split(",")]
        if len(sizes) > MOST_LEVELS or not all(SIZE.fullmatch(size) and 1 <= int(size) <= 1_000 for size in sizes):
            raise BadRecipe(f'features.bins is {shown(self.bins)}; use one number of pixels per scale, from 1 to 1,000, as in "4,6,8".')
        return tuple(int(size) for size in sizes)

    @property
    def pyramid(self) -> tuple[tuple[int, int], ...]:
        """(columns, rows) of each level of the spatial pyramid; raises BadRecipe."""
        matches = [CELLS.fullmatch(level.strip()) for level in self.cells.split(",")]
        levels = tuple((int(match[1]), int(match[2])) for match in matches if match)
        fits = all(1 <= columns <= 16 and 1 <= rows <= 16 for columns, rows in levels)
        if len(levels) != len(matches) or len(levels) > MOST_LEVELS or not fits:
            raise BadRecipe(f'features.cells is {shown(self.cells)}; use levels of columns x rows, from 1 to 16, as in "1x1,2x2".')
        return levels


@dataclass(frozen=True, kw_only=True, slots=True)
class System:
    """A row of the catalogue: a name, a one-line title, the source, the features and the machine's kernel."""

    name: str
    title: str
    source: str
    features: FeatureConfig = field(default_factory=FeatureConfig)
    kernel: Kernel = "linear"


FISHER_SVM = System(
    name="fisher-svm",
    title="dense RootSIFT, Fisher vectors, linear SVM",
    source="Sanchez, Perronnin, Mensink, Verbeek, Image Classification with the Fisher Vector (IJCV 2013); XRCE in ILSVRC-2010 and 2011",
    features=FeatureConfig(encoding="fisher", bins="4,6,8,12,16", smoothing=1.0, cells="1x1,2x2"),
)
SIFT_BOW_SVM = System(
    name="sift-bow-svm",
    title="dense SIFT, 1,000 visual words, chi-squared map, linear SVM",
    source="Csurka et al., Visual Categorization with Bags of Keypoints (2004); Lazebnik, Schmid, Ponce (CVPR 2006)",
    features=FeatureConfig(encoding="words", bins="4,8,16", smoothing=1.0, cells="1x1,2x2"),
    kernel="chi2",
)
SURF_BOW_SVM = System(
    name="surf-bow-svm",
    title="SURF, 1,000 visual words, chi-squared map, linear SVM",
    source="Bay, Ess, Tuytelaars, Van Gool, SURF (CVIU 2008), in a bag of words",
    features=FeatureConfig(descriptor="surf", encoding="words"),
    kernel="chi2",
)
HOG_SVM = System(
    name="hog-svm",
    title="histograms of oriented gradients, SVM with an RBF kernel",
    source="Dalal and Triggs, Histograms of Oriented Gradients for Human Detection (CVPR 2005)",
    features=FeatureConfig(descriptor="hog"),
    kernel="rbf",
)
RAW_SVM = System(
    name="raw-svm",
    title="pixels, linear SVM: the floor",
    source="no features at all",
    features=FeatureConfig(descriptor="pixels"),
)
EFFICIENTNET_SVM = System(
    name="efficientnet-lite0+svm",
    title="the last hidden layer of EfficientNet-Lite0, trained on ImageNet, linear SVM",
    source="Donahue et al., DeCAF (ICML 2014); Tan and Le, EfficientNet (ICML 2019)",
    features=FeatureConfig(descriptor="efficientnet-lite0", root=True),
)
SYSTEMS: dict[str, System] = {
    system.name: system for system in (FISHER_SVM, SIFT_BOW_SVM, SURF_BOW_SVM, HOG_SVM, RAW_SVM, EFFICIENTNET_SVM)
}
