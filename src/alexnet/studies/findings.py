"""The results of a study as values: arms, differences, verdicts, the whole. Computes nothing and draws nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from alexnet.i18n.notebook import html_table
from alexnet.runs.environment import MADE_UP
from alexnet.storage.records import convert
from alexnet.studies.bounds import AMOUNT, DIFFERENCE, FACTOR, NOISE, RATE, SHARE, SIGNAL, check, check_curve
from alexnet.studies.claim import RATIOS, Extent, Measure, Needs, Published
from alexnet.studies.outcome import RateTried

# "not-shown" is a verdict of earlier versions, shown as it was given then.
Verdict = Literal["holds", "reversed", "no-difference", "too-few", "cannot-be-judged", "does-not-apply", "not-shown"]
# Why a claim cannot be judged: no runs on both sides; an arm has not been trained to its end; both arms at chance; hardly an error left to
# tell them apart; nothing that a regulariser could do, as training and other images are misclassified alike.
Reason = Literal["no-runs", "underfits", "at-chance", "saturated", "hardly-overfits"]

RATIO_MARGIN = 1.1  # a smaller ratio of epochs does not matter
RULES = 2  # of judging; in results without this number, 1: verdicts that ignore the regime and Holm's correction
FORMER_VERDICTS: dict[str, Verdict] = {
    "holds here": "holds", "reversed here": "reversed", "not shown": "not-shown", "no result": "cannot-be-judged",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """One arm against another over paired runs, with its 95% interval.

    Measure "error": error of `worse` minus error of `better`, as a share; positive if `better` has less. Measure "epochs": epochs of
    `worse` divided by epochs of `better`; above 1 if `better` is faster; "seconds": the same of the time of a training step. "gradients",
    "gradients-epoch", "gradients-end": the gradient norms of `better` divided by those of `worse`, geometric mean over layers, before
    training, after the first epoch and at the end. "shifts": like "error", of predictions that change; "probes": of a linear machine on
    the last hidden layer.

    repeat_noise: standard deviation over seeds of the difference
    (of the logarithm of the ratio), moderated by the study's other pairs. image_noise: the part of it that the choice of images causes.
    seeds: number of pairs that have a result. p: two-sided, of no effect; it allows for the looks of a study that adds seeds until it is
    clear. wins: how often `better` is better in one run of each.
    """

    better: str
    worse: str
    measure: Measure
    difference: float
    interval: tuple[float, float]
    repeat_noise: float
    seeds: int
    images: int
    image_noise: float = 0.0
    p: float | None = None
    wins: float | None = None

    @property
    def nothing(self) -> float:
        """The value that means no effect."""
        return 1.0 if self.is_ratio else 0.0

    @property
    def is_ratio(self) -> bool:
        """Whether the effect is a factor, not a difference of shares."""
        return self.measure in RATIOS

    def check(self) -> None:
        """Raise ValueError for a number that no study measures."""
        check(FACTOR if self.is_ratio else DIFFERENCE, "an effect", [self.difference, *self.interval])
        check(NOISE, "the noise of an effect", [self.repeat_noise, self.image_noise])


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmFound:
    """An arm over its seeds. Means are None if no run succeeded.

    errors: on the judged images, one per seed (None: that run failed); training_errors: of the finished network on training images, without
    augmentation, and training_error their mean. interval: 95%, of the mean. against: the effect of this arm as
    `better` against the first arm; None for the first. epochs_to_target: epochs to 25% training error, one per seed (None: not reached).
    curves: the history of each seed that has one. gradients, outputs: per layer before training, mean over seeds. per_class: mean error of
    each class. changes: dotted fields with their resolved values. failures: distinct reasons. gradients_epoch, gradients_end, step_times,
    probes: as in an Outcome, mean over seeds; empty where no claim asked for them.
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
    training_errors: Sequence[float | None] = ()
    against: Effect | None = None
    curves: Sequence[Sequence[Mapping[str, float]]] = ()
    gradients: Mapping[str, float] = field(default_factory=dict)
    outputs: Mapping[str, float] = field(default_factory=dict)
    per_class: Mapping[str, float] = field(default_factory=dict)
    failures: Sequence[str] = ()
    moved: float | None = None  # share of judged images whose prediction changes when they move by 1 to 3 px
    rates: Sequence[RateTried] = ()  # of the search on validation images; empty if there was none
    gradients_epoch: Mapping[str, float] = field(default_factory=dict)
    gradients_end: Mapping[str, float] = field(default_factory=dict)
    step_times: Mapping[str, float] = field(default_factory=dict)
    probes: Mapping[str, float] = field(default_factory=dict)

    @property
    def last_probe(self) -> float | None:
        """The error of a linear machine on the last hidden layer; None if it was not measured."""
        return list(self.probes.values())[-1] if self.probes else None

    def check(self) -> None:
        """Raise ValueError for a number that no study measures."""
        tried = [one.validation_error for one in self.rates]
        shares = [
            *self.errors,
            self.mean,
            self.training_error,
            *self.training_errors,
            self.moved,
            *self.per_class.values(),
            *self.probes.values(),
            *tried,
        ]
        check(SHARE, f"an error of the arm {self.name}", shares)
        check(DIFFERENCE, f"the interval of the arm {self.name}", self.interval or ())
        epochs = [*self.epochs_to_target, *(one.epochs_to_target for one in self.rates)]
        check(AMOUNT, f"epochs or seconds of the arm {self.name}", [*epochs, self.seconds, self.seconds_to_target])
        layers = (self.gradients, self.gradients_epoch, self.gradients_end, self.outputs)
        check(SIGNAL, f"a layer's gradient or output in the arm {self.name}", [value for one in layers for value in one.values()])
        check(FACTOR, f"a time of a step in the arm {self.name}", self.step_times.values())
        check(RATE, f"a learning rate of the arm {self.name}", [one.rate for one in self.rates])
        for curve in self.curves:
            check_curve(curve)
        if self.against is not None:
            self.against.check()


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The result of one claim. cost: ratios of `better` to `worse` in seconds, memory, parameters and macs (None: unknown).

    reason: why it cannot be judged; None for other verdicts. holm: whether a claim that holds or is reversed still does if all claims of
    the study together may be wrong in one study of twenty; None for other verdicts. more: for "too-few", how many more seeds, or else
    judged images, would probably decide (None: no number of them alone).
    """

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
    needs: Needs | None = None
    reason: Reason | None = None
    holm: bool | None = None
    also: Sequence[Effect] = ()  # the same with more epochs for what fits more slowly, beside another regulariser, by other measures
    more: Mapping[str, int | None] | None = None  # "seeds", "images"

    def arm(self, name: str) -> ArmFound:
        """The arm with that name."""
        return next(arm for arm in self.arms if arm.name == name)

    def check(self) -> None:
        """Raise ValueError for an effect without its arms, or a number that no study measures."""
        effects = [*([self.effect] if self.effect is not None else []), *self.also]
        sides = {self.better, self.worse} | {side for one in self.also for side in (one.better, one.worse)}
        if missing := sides - {arm.name for arm in self.arms}:
            raise ValueError(f"it lacks an arm of {self.claim}: {', '.join(sorted(missing))}")
        for effect in effects:
            effect.check()
        for arm in self.arms:
            arm.check()

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

    seeds: most pairs of runs of any claim. auto: whether seeds were added until the claims were clear. margin: the difference of errors, as
    a share, below which it does not matter. rules: RULES of the version that judged.

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
    extent: Extent = "all"  # which arms the budget has held
    auto: bool = False
    margin: float = 0.01
    rules: int = 1

    @property
    def made_up(self) -> bool:
        """Whether its images were made by the program: a control, which says nothing about photographs."""
        return MADE_UP in self.environment

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        rows = [(one.claim, one.verdict, _in_words(one.effect)) for one in self.findings]
        return html_table(f"{self.dataset}, {self.seeds} seeds: {self.report}", rows, ("claim", "verdict", "difference, 95% interval"))

    def to_json(self) -> dict[str, Any]:
        """What `alexnet study --json` prints: an entry for every claim, including those that do not apply."""
        values = {name: value for name, value in asdict(self).items() if name != "findings"}
        claims = [finding.to_json() for finding in self.findings]
        return {"studies": [*claims, *(_not_applicable(claim, reason) for claim, reason in self.not_applicable.items())], **values}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "StudyReport":
        """The inverse of `to_json`, also for results of earlier versions; raises ValueError for anything else."""
        claims = convert(tuple[dict[str, Any], ...], values.get("studies"), "studies")
        report = convert(cls, {**values, "findings": [_judged(one) for one in claims if one.get("verdict") != "does-not-apply"]})
        for finding in report.findings:
            finding.check()
        check(AMOUNT, "seconds", [report.seconds])
        return report


def _not_applicable(claim: str, reason: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("difference", "interval", "holm"))
    return {"claim": claim, "arms": [], **nothing, "verdict": "does-not-apply", "reason": reason, "published": [], "cost": {}}


def _judged(values: dict[str, Any]) -> dict[str, Any]:
    """The values of a finding, with the verdicts of earlier versions in today's words."""
    verdict = values.get("verdict")
    if not isinstance(verdict, str) or verdict not in FORMER_VERDICTS:
        return values
    return values | {"verdict": FORMER_VERDICTS[verdict]} | ({"reason": "no-runs"} if verdict == "no result" else {})


def _in_words(effect: Effect | None) -> str:
    if effect is None:
        return "–"
    low, high = effect.interval
    if effect.is_ratio:
        return f"{effect.difference:.2f} times the {effect.measure} ({low:.2f} to {high:.2f})"
    return f"{100 * effect.difference:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
