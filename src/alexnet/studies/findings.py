"""The results of a study as values: arms, differences, verdicts, the whole. Computes nothing and draws nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from alexnet.storage.records import convert
from alexnet.studies.claim import Measure, Published

Verdict = Literal["holds here", "not shown", "reversed here", "no result"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """One arm against another over paired runs, with its 95% interval.

    Measure "error": error of `worse` minus error of `better`, as a share; positive if `better` has less. Measure "epochs": epochs of
    `worse` divided by epochs of `better`; above 1 if `better` is faster. repeat_noise: standard deviation over seeds of the difference
    (of the logarithm of the ratio). seeds: number of pairs that have a result.
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
        """The value that means no effect."""
        return 1.0 if self.measure == "epochs" else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmFound:
    """An arm over its seeds. Means are None if no run succeeded.

    errors: on the judged images, one per seed (None: that run failed). interval: 95%, of the mean. against: the effect of this arm as
    `better` against the first arm; None for the first. epochs_to_target: epochs to 25% training error, one per seed (None: not reached).
    curves: the history of each seed that has one. gradients, outputs: per layer before training, mean over seeds. per_class: mean error of
    each class. changes: dotted fields with their resolved values. failures: distinct reasons.
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
    """The result of one claim. cost: ratios of `better` to `worse` in seconds, memory, parameters and macs (None: unknown)."""

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
        """The arm with that name."""
        return next(arm for arm in self.arms if arm.name == name)

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the keys of docs/commands.md among them."""
        values = asdict(self)
        values["published"] = [one.to_json() for one in self.published]
        values["difference"] = self.effect.difference if self.effect else None
        values["interval"] = list(self.effect.interval) if self.effect else None
        return values


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyReport:
    """The whole result of a study. scale: size, width, fraction, epochs. command: repeats the study. not_applicable: claim -> reason.

    seconds: of all runs together. overhead: share of the time of all runs that is neither training nor evaluation.
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
        """The inverse of `to_json`; raises ValueError for anything else."""
        return convert(cls, {**values, "findings": values.get("studies")})
