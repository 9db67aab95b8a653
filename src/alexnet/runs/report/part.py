"""The parts of a run's report: collected once, written to report.json, read back and checked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar

from alexnet.data.curation.splits import Splits
from alexnet.data.dataset import Dataset
from alexnet.data.pipeline.image_store import ImageStore
from alexnet.evaluation.evaluate import Evaluation
from alexnet.recipes.recipe import Recipe
from alexnet.runs.baseline import Baseline
from alexnet.runs.result import FitResult
from alexnet.runs.tried import Search
from alexnet.storage.records import convert

T = TypeVar("T")
WHOLE = "the report"  # its name in error messages


@dataclass(frozen=True, kw_only=True)
class FinishedRun:
    """A run that has been fitted and tested: the source of all parts.

    reason: for the choice of model, as a clause. evaluations: title ("test, centre") -> evaluation; the first one makes the headline.
    search: that has chosen the model. command: trains the model again. environment: what the results depend on besides the recipe.
    """

    recipe: Recipe
    reason: str
    dataset: Dataset
    store: ImageStore
    splits: Splits
    fitted: FitResult
    evaluations: Mapping[str, Evaluation]
    baseline: Baseline | None
    command: str
    environment: Mapping[str, str]
    search: Search | None = None

    @property
    def first(self) -> Evaluation:
        """The first evaluation, which makes the headline."""
        return next(iter(self.evaluations.values()))


def values_of(part: Any) -> dict[str, Any]:
    """The fields of a dataclass, not copied: `asdict` would copy tensors."""
    return {each.name: getattr(part, each.name) for each in fields(part)}


@dataclass(frozen=True, kw_only=True)
class Part(Generic[T]):
    """How a part is collected, written and read. `kind` is a dataclass whose fields are its keys in report.json.

    write: returns its values for JSON. read: returns the part from all values of the file, or raises ValueError with the reason; None: the
    values are checked against the types of the fields.
    """

    kind: type[T]
    collect: Callable[[FinishedRun], T]
    write: Callable[[T], Mapping[str, Any]] = values_of
    read: Callable[[Mapping[str, Any]], T] | None = None

    def from_values(self, values: Mapping[str, Any]) -> T:
        """The part from the values of a file; raises ValueError if they are damaged."""
        return convert(self.kind, values, WHOLE) if self.read is None else self.read(values)


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What the head of the page and several sections need; without it there is no page.

    seconds: of training; None: the last in the history. parameters, macs: of the model; None: the sums over the layers.
    """

    title: str
    model: str
    recipe_name: str
    dataset: str
    classes: Sequence[str]
    seconds: float | None = None
    parameters: int | None = None
    macs: int | None = None


def _collect(finished: FinishedRun) -> About:
    return About(
        title=f"{finished.recipe.model} on {finished.dataset.name}",
        model=finished.recipe.model,
        recipe_name=finished.recipe.name,
        dataset=finished.dataset.name,
        classes=finished.dataset.classes,
        seconds=finished.fitted.seconds,
        parameters=finished.fitted.parameters,
        macs=finished.fitted.macs,
    )


ABOUT = Part(kind=About, collect=_collect)


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """Everything that the page shows about one run.

    parts: the data of the sections, at most one of each kind; the section of a missing part is not shown. damaged: for a report read from a
    file, the kinds of the parts that could not be read, and the reasons.
    """

    about: About
    parts: Sequence[object] = ()
    damaged: Mapping[type, str] = field(default_factory=dict)

    def part(self, kind: type[T]) -> T | None:
        """The part of a kind, or None."""
        return next((part for part in self.parts if isinstance(part, kind)), None)
