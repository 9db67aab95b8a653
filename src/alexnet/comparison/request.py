"""What a comparison was asked for: models, shares of the images, seeds, a budget; kept in its folder."""

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
from alexnet.models.registry import ARCHITECTURES, SMALL_IMAGE, default_model
from alexnet.recipes.recipe import MOST_SEEDS
from alexnet.storage.files import read_record, write_atomically

DEFAULT_FRACTIONS = (0.1, 0.3, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonRequest:
    """What a comparison was asked for; two with equal words are the same comparison."""

    data: str
    models: tuple[str, ...]
    fractions: tuple[float, ...] = DEFAULT_FRACTIONS  # of the training images, rising
    seeds: int = 1  # 0, 1, ... up to this number
    budget: str | None = None  # the whole comparison's, as 20m

    @property
    def budget_seconds(self) -> float | None:
        """The budget in seconds; None without one."""
        return None if self.budget is None else seconds_of(self.budget)

    def cells(self) -> list[Cell]:
        """All cells in the order they run: hand-crafted systems first, small amounts first, a frozen cell right after its network's."""
        order = {"hand-crafted": 0, "network": 1, "frozen": 1}
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
) -> ComparisonRequest:
    """The words of a comparison on images of that median short side in pixels; what is None has its default.

    Raises BadModel for unknown models (with the nearest name), BadRecipe for fractions outside (0, 1], seeds below 1 or no duration, and
    BudgetTooSmall for a budget that leaves a network under LEAST_SECONDS.
    """
    words = ComparisonRequest(
        data=data,
        models=default_models(side) if models is None else _models(models),
        fractions=DEFAULT_FRACTIONS if fractions is None else _fractions(fractions),
        seeds=1 if seeds is None else seeds,
        budget=budget,
    )
    _check_seeds(words)
    _check_budget(words)
    return words


def default_models(side: int) -> tuple[str, ...]:
    """Three hand-crafted systems, the networks for images of that side, and the largest one's features under an SVM."""
    networks = ("lenet", "alexnet-cifar-fast") if side < SMALL_IMAGE else (default_model(side)[0],)
    return ("raw-svm", "hog-svm", "fisher-svm", *networks, networks[-1] + FROZEN)


def _models(given: str | Sequence[str]) -> tuple[str, ...]:
    """The models named, each once, and before a frozen one its network."""
    names = [name.strip() for name in (given.split(",") if isinstance(given, str) else given)]
    names = [name for name in names if name]
    if not names:
        raise BadModel("No model is named; --models takes names joined by commas, as hog-svm,fisher-svm,alexnet.")
    known = [*SYSTEMS, *ARCHITECTURES, *(name + FROZEN for name in ARCHITECTURES)]
    for name in names:
        if name not in known:
            raise BadModel(f"No model is called '{name}'. {did_you_mean(name, known)}")
    return tuple(dict.fromkeys(part for name in names for part in (network_of(name), name)))


def _fractions(given: str | Sequence[float]) -> tuple[float, ...]:
    """The shares of the training images, rising, each once."""
    words = given.split(",") if isinstance(given, str) else given
    found = set()
    for word in words:
        try:
            share = float(f"{float(word):g}")
        except ValueError:
            share = math.nan
        if not 0 < share <= 1:
            raise BadRecipe(
                f"--fractions has {word!r}; a fraction is a share of the training pictures, above 0 and at most 1, as 0.1,0.3,1."
            )
        found.add(share)
    if not found:
        raise BadRecipe("--fractions is empty; give shares of the training pictures, as 0.1,0.3,1.")
    return tuple(sorted(found))


def _check_seeds(words: ComparisonRequest) -> None:
    if not 1 <= words.seeds < MOST_SEEDS:
        raise BadRecipe(f"--seeds is {words.seeds}; it is how many seeds each system is trained with: 1 or more.")


def _check_budget(words: ComparisonRequest) -> None:
    seconds = words.budget_seconds
    networks = sum(kind_of(cell.model) is NETWORK for cell in words.cells())
    if seconds is None or networks * LEAST_SECONDS <= seconds:
        return
    raise BudgetTooSmall(
        f"A budget of {duration(seconds)} is {duration(seconds / networks)} for each of {networks} trainings of a network, and "
        f"{duration(LEAST_SECONDS)} are the least. Give --budget {math.ceil(networks * LEAST_SECONDS)}s or more (the hand-crafted systems "
        "need time too), or fewer --models, --fractions or --seeds."
    )


def save_comparison_request(words: ComparisonRequest, path: Path) -> None:
    """Write the words down, whole."""
    write_atomically(path, json.dumps(asdict(words), ensure_ascii=False, indent=1) + "\n")


def load_comparison_request(path: Path) -> ComparisonRequest | None:
    """The words of a comparison that was begun in that folder; None where there is none. Raises BadRun when the file is damaged."""
    if not path.exists():
        return None
    saved = read_record(path, ComparisonRequest, "choose another --out.")
    try:
        _check_seeds(saved)
        return replace(saved, models=_models(saved.models), fractions=_fractions(saved.fractions))
    except AlexNetError as error:
        raise BadRun(f"{path} is damaged: {error} Choose another --out.") from None


def differences(one: ComparisonRequest, other: ComparisonRequest) -> list[str]:
    """The words in which two comparisons differ, as "seeds: 1 / 3"."""
    left, right = asdict(one), asdict(other)
    return [f"{name}: {_said(left[name])} / {_said(right[name])}" for name in left if left[name] != right[name]]


def _said(value: object) -> str:
    match value:
        case tuple():
            return ",".join(f"{one:g}" if isinstance(one, float) else str(one) for one in value)
        case None:
            return "none"
    return str(value)
