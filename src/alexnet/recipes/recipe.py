"""A recipe: everything that determines a run, as one value that can be written, read, compared, and overridden by dotted names."""

from dataclasses import dataclass, field
from typing import cast, get_args

from alexnet.data.curation.splits import VALIDATION_FRACTION
from alexnet.data.folder_layout import LayoutOfFolders
from alexnet.data.pipeline.augment import AugmentConfig
from alexnet.data.preprocess import PreprocessConfig
from alexnet.errors import BadRecipe
from alexnet.evaluation.views import VIEWS, View
from alexnet.models.handcrafted.systems import FeatureConfig
from alexnet.models.kinds import HANDCRAFTED, NETWORK, kind_of
from alexnet.models.networks.architecture import NetworkChoices
from alexnet.storage.records import shown
from alexnet.training.config import TrainingConfig
from alexnet.training.svm.config import SolverConfig

MOST_SEEDS = 2**32
LAYOUTS = get_args(LayoutOfFolders)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """All settings of one run. `name` is the named recipe that it is based on."""

    name: str
    data: str
    model: str
    layout_of_folders: str | None = None  # what the top folders of the data are, "splits" or "classes"; None: their names say it
    max_unreadable: float | None = None  # share of a class's files that may be unreadable, 0 to 1; None: 0.05
    seed: int = 0
    weights: str = ""  # trained weights to start from: a file, or "imagenet"
    views: str = "centre"  # views of the test images to evaluate, as "centre,ten"
    fraction: float = 1.0  # of the training images to use, 0 to 1; validation and test are not reduced
    validation: float = VALIDATION_FRACTION  # share of the images that is kept for validation, where the data has none of its own
    preprocess: PreprocessConfig = field(default_factory=PreprocessConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    network: NetworkChoices = field(default_factory=NetworkChoices)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    solver: SolverConfig = field(default_factory=SolverConfig)

    def __post_init__(self) -> None:
        views_of(self.views)
        if self.layout_of_folders not in (None, *LAYOUTS):
            raise BadRecipe(f"layout_of_folders is {shown(self.layout_of_folders)}; it can be {' or '.join(LAYOUTS)}.")
        check_unreadable(self.max_unreadable)
        if not 0 < self.fraction <= 1:
            raise BadRecipe(f"fraction is {self.fraction:g}; it is a share of the training pictures, above 0 and at most 1.")
        if not 0 < self.validation < 1:
            raise BadRecipe(f"validation is {self.validation:g}; it is the share of the pictures to validate on, above 0 and below 1.")
        if not 0 <= self.seed < MOST_SEEDS:
            raise BadRecipe(f"seed is {self.seed}; it is a whole number from 0 to {MOST_SEEDS - 1:,}.")


def check_unreadable(share: float | None) -> None:
    """Raise BadRecipe unless this is a share of the files of a class, or None."""
    if share is not None and not 0 <= share <= 1:
        raise BadRecipe(f"max_unreadable is {share:g}; it is a share of the files of a class, from 0 to 1.")


def views_of(views: str) -> list[View]:
    """The views in a text such as "centre,ten"; raises BadRecipe for an unknown one."""
    names = [name.strip() for name in views.split(",") if name.strip()]
    unknown = [name for name in names if name not in VIEWS]
    if unknown or not names:
        raise BadRecipe(f"views is {shown(views)}; it can be {', '.join(VIEWS)}, or several of them separated by commas.")
    return [cast(View, name) for name in names]


def foreign_sections(model: str) -> tuple[str, ...]:
    """The sections of a recipe that a model does not use: a network has no features, a hand-crafted system no epochs."""
    return NETWORK.sections if kind_of(model).fixed_features else HANDCRAFTED.sections
