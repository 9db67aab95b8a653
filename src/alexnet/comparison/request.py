"""The request for a comparison: models, shares of the training images, seeds and a budget, saved in the comparison's folder."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from alexnet.comparison.cells import LEAST_SECONDS, Cell, network_of
from alexnet.errors import AlexNetError, BadModel, BadRecipe, BadRun, BudgetTooSmall, did_you_mean
from alexnet.i18n.units import duration, seconds_of
from alexnet.models.handcrafted.systems import SYSTEMS
from alexnet.models.kinds import FROZEN, FROZEN_NETWORK, NETWORK, kind_of
from alexnet.models.networks.borrowed.registry import is_borrowed
from alexnet.models.registry import ARCHITECTURES, SMALL_IMAGE, check_known, default_model
from alexnet.recipes.recipe import MOST_SEEDS, check_unreadable
from alexnet.storage.files import read_record, write_atomically

DEFAULT_FRACTIONS = (0.1, 0.3, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonRequest:
    """What to compare, on which images and for how long. Equal requests are the same comparison."""

    data: str
    models: tuple[str, ...]
    fractions: tuple[float, ...] = DEFAULT_FRACTIONS  # of the training images, ascending
    seeds: int = 1  # how many: 0, 1, ..., seeds - 1
    budget: str | None = None  # for the whole comparison, such as 20m
    layout_of_folders: str | None = None  # of the data, as the user has chosen it
    max_unreadable: float | None = None  # share of a class's files that may be unreadable, 0 to 1; None: 0.05

    @property
    def budget_seconds(self) -> float | None:
        """The budget in seconds; None if there is none."""
        return None if self.budget is None else seconds_of(self.budget)

    def cells(self) -> list[Cell]:
        """All cells in the order they run: hand-crafted systems first, small fractions first, a frozen cell right after its network's."""
        order = {"hand-crafted": 0, "pretrained": 0, "network": 1, "frozen": 1}
        models = sorted(self.models, key=lambda model: (self.models.index(network_of(model)), kind_of(model) is FROZEN_NETWORK))
        cells = [Cell(model, fraction, seed) for fraction in self.fractions for seed in range(self.seeds) for model in models]
        return sorted(cells, key=lambda cell: order[kind_of(cell.model).name])


def comparison_request(
    data: str,
    side: int,
    *,
    models: str | Sequence[str] | None = None,
    fractions: str | Sequence[float] | None = None,
    seeds: int | None = None,
    budget: str | None = None,
    layout_of_folders: str | None = None,
    max_unreadable: float | None = None,
) -> ComparisonRequest:
    """A validated request; `side` is the median short side of the images in pixels, and arguments that are None take their defaults.

    Raises BadModel for an unknown model (with the nearest name), BadRecipe for a fraction outside (0, 1], fewer than 1 seed or a budget
    that is not a duration, and BudgetTooSmall if a network would have less than LEAST_SECONDS.
    """
    request = ComparisonRequest(
        data=data,
        models=default_models(side) if models is None else _models(models),
        fractions=DEFAULT_FRACTIONS if fractions is None else _fractions(fractions),
        seeds=1 if seeds is None else seeds,
        budget=budget,
        layout_of_folders=layout_of_folders,
        max_unreadable=max_unreadable,
    )
    check_unreadable(max_unreadable)
    _check_seeds(request)
    _check_budget(request)
    return request


def default_models(side: int) -> tuple[str, ...]:
    """Three hand-crafted systems, the networks suited to images of that side, and an SVM on the frozen features of the last network."""
    networks = ("lenet", "convnet-small") if side < SMALL_IMAGE else (default_model(side)[0],)
    return ("raw-svm", "hog-svm", "fisher-svm", *networks, networks[-1] + FROZEN)


def _models(models: str | Sequence[str]) -> tuple[str, ...]:
    """The models, each once; the network of a frozen model comes before it."""
    names = [name.strip() for name in (models.split(",") if isinstance(models, str) else models)]
    names = [name for name in names if name]
    if not names:
        raise BadModel("--models is empty; list model names separated by commas, such as hog-svm,fisher-svm,alexnet.")
    known = [*SYSTEMS, *ARCHITECTURES, *(name + FROZEN for name in ARCHITECTURES)]
    for name in names:
        if is_borrowed(name):
            check_known(name)
        elif name not in known:
            raise BadModel(f"No model is called '{name}'. {did_you_mean(name, known)}")
    return tuple(dict.fromkeys(part for name in names for part in (network_of(name), name)))


def _fractions(fractions: str | Sequence[float]) -> tuple[float, ...]:
    """The shares of the training images, ascending, each once."""
    found = set()
    for value in fractions.split(",") if isinstance(fractions, str) else fractions:
        try:
            share = float(f"{float(value):g}")
        except ValueError:
            share = math.nan
        if not 0 < share <= 1:
            raise BadRecipe(
                f"--fractions has {value!r}; a fraction is a share of the training pictures, above 0 and at most 1, such as 0.1,0.3,1."
            )
        found.add(share)
    if not found:
        raise BadRecipe("--fractions is empty; give shares of the training pictures, such as 0.1,0.3,1.")
    return tuple(sorted(found))


def _check_seeds(request: ComparisonRequest) -> None:
    if not 1 <= request.seeds < MOST_SEEDS:
        raise BadRecipe(f"--seeds is {request.seeds}; each system needs 1 seed or more.")


def _check_budget(request: ComparisonRequest) -> None:
    seconds = request.budget_seconds
    networks = sum(kind_of(cell.model) is NETWORK for cell in request.cells())
    if seconds is None or networks * LEAST_SECONDS <= seconds:
        return
    raise BudgetTooSmall(
        f"A budget of {duration(seconds)} leaves {duration(seconds / networks)} for each of the {networks} networks to train; each needs "
        f"at least {duration(LEAST_SECONDS)}. Set --budget to {math.ceil(networks * LEAST_SECONDS)}s or more (the hand-crafted systems "
        "need time too), or reduce --models, --fractions or --seeds."
    )


def save_comparison_request(request: ComparisonRequest, path: Path) -> None:
    """Write the request to a file, atomically."""
    write_atomically(path, json.dumps(asdict(request), ensure_ascii=False, indent=1) + "\n")


def load_comparison_request(path: Path) -> ComparisonRequest | None:
    """The request of the comparison whose file this is; None if there is no file. Raises BadRun if it is damaged."""
    if not path.exists():
        return None
    saved = read_record(path, ComparisonRequest, "choose another --out.")
    try:
        _check_seeds(saved)
        return replace(saved, models=_models(saved.models), fractions=_fractions(saved.fractions))
    except AlexNetError as error:
        raise BadRun(f"{path} is damaged: {error} Choose another --out.") from None


def differences(one: ComparisonRequest, other: ComparisonRequest) -> list[str]:
    """The fields in which two requests differ, such as "seeds: 1 / 3"."""
    left, right = asdict(one), asdict(other)
    return [f"{name}: {_as_text(left[name])} / {_as_text(right[name])}" for name in left if left[name] != right[name]]


def _as_text(value: object) -> str:
    match value:
        case tuple():
            return ",".join(f"{one:g}" if isinstance(one, float) else str(one) for one in value)
        case None:
            return "none"
    return str(value)
