"""What a study has found, as values: each arm, each difference, the verdict, the whole. Knows no arithmetic and no page."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from alexnet.storage.records import convert
from alexnet.studies.claim import Measure, Published

Verdict = Literal["holds here", "not shown", "reversed here", "no result"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """One arm against another over paired runs, with its 95% interval.

    Of measure "error": error of `worse` minus error of `better`, as a share; above 0 where `better` has less. Of measure "epochs": epochs
    of `worse` over epochs of `better`; above 1 where `better` is faster. repeat_noise: standard deviation of the difference (of the
    logarithm of the ratio) from one seed to the next. seeds: pairs of runs that count.
    """

    better: str
    worse: str
    measure: Measure
    difference: float
    interval: tuple[float, float]
    repeat_noise: float
    seeds: int
    images: int

    @property
    def nothing(self) -> float:
        """The value that says: no effect."""
        return 1.0 if self.measure == "epochs" else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmFound:
    """An arm over its seeds. None where no run of it has ended well.

    errors: of the judged images, one a seed (None: that run failed); interval: 95%, of the mean. against: its effect as `better`
    against the first arm, None for that itself. epochs_to_target: passes to 25% training error, one a seed (None: not reached).
    curves: the history of each seed that has one. gradients, outputs: of each layer before training, mean over seeds. per_class: mean
    error of each class. changes: dotted fields and values, as resolved. failures: reasons, each once.
    """

    name: str
    fair: str
    model: str
    changes: Mapping[str, Any]
    errors: Sequence[float | None]
    mean: float | None
    interval: tuple[float, float] | None
    training_error: float | None
    epochs_to_target: Sequence[float | None]
    seconds: float | None  # of training, mean over seeds
    seconds_to_target: float | None
    memory_bytes: float | None
    parameters: int
    macs: int
    n_train: int
    against: Effect | None = None
    curves: Sequence[Sequence[Mapping[str, float]]] = ()
    gradients: Mapping[str, float] = field(default_factory=dict)
    outputs: Mapping[str, float] = field(default_factory=dict)
    per_class: Mapping[str, float] = field(default_factory=dict)
    failures: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The end of one study. cost: of `better` over `worse`: seconds, memory, parameters, macs as ratios (None where unknown)."""

    claim: str
    section: str
    measure: Measure
    better: str
    worse: str
    arms: Sequence[ArmFound]
    effect: Effect | None
    verdict: Verdict
    published: Sequence[Published]
    cost: Mapping[str, float | None]
    judged: str  # "test" or "validation"

    def arm(self, name: str) -> ArmFound:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)

    def to_json(self) -> dict[str, Any]:
        """The command line's keys, and more."""
        values = asdict(self)
        values["published"] = [one.to_json() for one in self.published]
        values["difference"] = self.effect.difference if self.effect else None
        values["interval"] = list(self.effect.interval) if self.effect else None
        return values


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyReport:
    """All that a study's page shows. scale: size, width, fraction, epochs. command: makes it anew. not_applicable: claim -> reason.

    seconds: of all runs together. overhead: share of the machinery (everything but training) in the time of all runs.
    """

    data: str
    dataset: str
    classes: Sequence[str]
    seeds: int
    findings: Sequence[Finding]
    not_applicable: Mapping[str, str]
    scale: Mapping[str, float]
    command: str
    run: str
    report: str
    seconds: float
    overhead: float
    n_train: int
    n_judged: int
    recipe: Mapping[str, Any]  # the common one
    environment: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """What `alexnet study --json` prints."""
        values = {name: value for name, value in asdict(self).items() if name != "findings"}
        return {"studies": [finding.to_json() for finding in self.findings], **values}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "StudyReport":
        """What `to_json` gave; raises ValueError for anything else."""
        return convert(cls, {**values, "findings": values.get("studies")})
