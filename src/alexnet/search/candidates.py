"""The systems that a search tries, one row each, and what they cost. To add one, add a row."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alexnet.errors import BadModel
from alexnet.models.kinds import PRETRAINED, kind_of
from alexnet.models.weights.efficientnet_lite import find_weights
from alexnet.models.weights.published import PUBLISHED
from alexnet.search.request import BY_VALIDATION

SMALL = (1, 63)
PHOTOS = (64, 1 << 20)


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A system to try.

    sides: the median short sides, in px, of the images that it is for. fixed_seconds, image_seconds: what fitting it takes, and each
    training image more, roughly, on two quiet cores (docs/results.md); gray_share: of that, if the images are gray. A network takes the
    time it is given, at least this. adds: what it would add where it is not installed.
    patience: the share of the time left that fitting it may take; where networks are better than it, they need the rest.
    needs_trial: whether a short training must show first that a network can win on such images. balance: of classes of different size;
    None: as requested; "validation": both for an SVM, for a network what validation chose for the SVMs.
    """

    model: str
    sides: tuple[int, int] = (1, 1 << 20)
    fixed_seconds: float = 0.0
    image_seconds: float = 0.0
    gray_share: float = 1.0
    adds: str = ""
    patience: float = 1.0
    needs_trial: bool = True
    balance: str | None = None

    @property
    def folder(self) -> str:
        """The name of its attempt."""
        return f"{self.model}-{self.balance}" if self.balance in ("loss", "sampling") else self.model

    @property
    def is_trained(self) -> bool:
        """Whether it is a network that is trained step by step, for as long as there is time."""
        return not kind_of(self.model).fixed_features

    def seconds(self, images: int, *, gray: bool = False) -> float:
        """How long fitting it to `images` images takes, approximately."""
        return self.fixed_seconds + images * self.image_seconds * (self.gray_share if gray else 1.0)


FASTEST = "hog-svm"
CANDIDATES: tuple[Candidate, ...] = (
    Candidate(model=FASTEST, sides=SMALL, fixed_seconds=1.5, image_seconds=0.0012, patience=0.25),
    Candidate(model=FASTEST, sides=PHOTOS, fixed_seconds=1.5, image_seconds=0.003),
    Candidate(
        model="efficientnet-lite0+svm",
        sides=PHOTOS,
        fixed_seconds=3.0,
        image_seconds=0.024,
        adds="On 3,781 photos of clothes it made 11% mistakes where fisher-svm made 15%",
    ),
    Candidate(model="fisher-svm", sides=SMALL, fixed_seconds=5.0, image_seconds=0.014, gray_share=0.16, patience=0.5),
    Candidate(model="fisher-svm", sides=PHOTOS, fixed_seconds=10.0, image_seconds=0.03),
    Candidate(
        model="efficientnet-lite0",
        sides=PHOTOS,
        fixed_seconds=30.0,
        image_seconds=0.1,
        adds="Trained further, it is usually ahead of its frozen features",
        needs_trial=False,
    ),
    Candidate(model="convnet-small", sides=SMALL, needs_trial=False),
    Candidate(model="convnet-small", sides=PHOTOS),
    Candidate(model="alexnet", sides=(128, 1 << 20)),
)


def candidates_for(side: int) -> Sequence[Candidate]:
    """The candidates for images of that median short side in px: the fast ones first, then the networks."""
    return [one for one in CANDIDATES if one.sides[0] <= side <= one.sides[1]]


def for_uneven(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """The candidates for classes that differ by much in size: validation chooses for each whether its classes weigh the same.

    An SVM tries both within its fit, for the same features. A network that needs a trial is two candidates, each with a trial; one that
    needs none has what validation chose for the SVMs.
    """
    decided = [replace(one, balance=BY_VALIDATION) for one in candidates if not (one.is_trained and one.needs_trial)]
    tested = [one for one in candidates if one.is_trained and one.needs_trial]
    both = [replace(one, balance=balance) for one in tested for balance in ("none", "loss")]
    return [*(one for one in decided if not one.is_trained), *(one for one in decided if one.is_trained), *both]


def why_missing(candidate: Candidate) -> str | None:
    """Why a candidate cannot run here, with the command that installs it; None if it can."""
    if kind_of(candidate.model) is not PRETRAINED and candidate.model not in PUBLISHED:
        return None
    try:
        find_weights()
    except BadModel as missing:
        return str(missing)
    return None
