"""A study as data: one claim, the arms it compares, what is measured, and published results."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from alexnet.i18n.translate import say

# error on the judged images; epochs until TARGET_ERROR on the training images; gradients of the layers before training, after the first
# epoch and at the end; shifts: the share of judged images whose class changes when they move by 1 to 3 px; seconds of a training step;
# probes: the error of a linear machine on the last hidden layer
Measure = Literal["error", "epochs", "gradients", "gradients-epoch", "gradients-end", "shifts", "seconds", "probes"]
GRADIENTS: tuple[Measure, ...] = ("gradients", "gradients-epoch", "gradients-end")
RATIOS: frozenset[Measure] = frozenset({"epochs", "seconds", *GRADIENTS})  # a factor between the arms; the others are differences of shares
ON_REQUEST: frozenset[Measure] = frozenset({"gradients-epoch", "gradients-end", "seconds", "probes"})  # they take time: where a claim asks
Needs = Literal["overfits", "fits", "learns"]  # the regime in which a claim can be judged; `studies.preconditions` checks it

Extent = Literal["all", "core", "equal"]  # all arms; those that the verdict needs; of these only the ones at equal epochs

PATIENCE = 3.0  # times the epochs, for arms that control capacity: they fit more slowly
PATIENT = "-patient"  # end of the name of an arm that has them
THREE_RATES, FIVE_RATES = (0.5, 1.0, 2.0), (0.25, 0.5, 1.0, 2.0, 4.0)  # times the arm's own learning rate
TARGET_ERROR = 0.25  # training error of the paper's figure 1

Changes = Mapping[str, Any]  # dotted fields of a recipe -> values


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One side of a comparison: what it changes in the study's common recipe, and what keeps the comparison fair.

    Pages describe it with the messages `claims.arm-NAME` and `claims.fair-FAIR`.
    """

    name: str
    changes: Changes = field(default_factory=dict)
    fair: str = "same-recipe"
    model: str = ""  # "": the study's network
    small: Changes = field(default_factory=dict)  # further changes for small images, which are used at their own size
    further: bool = False  # not needed for the verdict: left out where the budget is short
    patience: float = 1.0  # times the epochs of the common recipe


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """A published effect: the message `claims.published-NAME`, with its figure, measured on `claims.setting-SETTING`."""

    name: str
    source: str
    setting: str = "imagenet"
    supports: bool = True  # False: it contradicts the claim

    def to_json(self) -> dict[str, object]:
        """The fields, with the texts `what` (was found) and `on` (what)."""
        texts = {"what": say(f"claims.published-{self.name}", "en"), "on": say(f"claims.setting-{self.setting}", "en")}
        return {"name": self.name, "source": self.source, "setting": self.setting, "supports": self.supports, **texts}


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """A claim of the lecture. It holds if arm `better` has a lower measure than arm `worse` (of gradients, higher ones).

    needs: without which it cannot be judged. "overfits" (what controls capacity): the arm without the regulariser fits the training
    images and errs far more often on others. "fits": both arms have been trained to their end. "learns": the better arm beats chance.
    None: nothing. unregularised: of a claim that needs "overfits", the arm without the regulariser; "" is `worse`.

    rates: factors on the learning rate, of which every arm gets the one with the lowest validation error (measure "epochs": that learns
    fastest). beside: pairs of arms, better and worse, with the same difference where both have another regulariser. further_measures: by
    which the same two arms are compared as well, without a verdict.

    changes: what all arms change in the common recipe, such as the initial weights. The question and the claim are the messages
    `claims.NAME-question` and `claims.NAME-claim`.
    """

    claim: str
    arms: tuple[Arm, ...]
    better: str
    worse: str
    section: str  # of the paper, or whose question it is
    measure: Measure = "error"
    needs: Needs | None = None
    unregularised: str = ""
    rates: tuple[float, ...] = THREE_RATES
    beside: tuple[tuple[str, str], ...] = ()
    further_measures: tuple[Measure, ...] = ()
    published: tuple[Published, ...] = ()
    changes: Changes = field(default_factory=dict)
    small: Changes = field(default_factory=dict)  # further changes for small images, which are used at their own size
    small_model: str = ""  # the network for small images; "": AlexNet

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)

    @property
    def on_request(self) -> frozenset[Measure]:
        """What its runs measure that others do not."""
        return frozenset({self.measure, *self.further_measures}) & ON_REQUEST

    def at(self, extent: Extent) -> "Study":
        """The study with the arms of that extent. Those that control capacity are added with more epochs: they need longer to fit."""
        arms = [arm for arm in self.arms if extent == "all" or not arm.further]
        if extent != "equal" and self.needs == "overfits":
            arms += [self._patient(arm) for arm in arms if arm.name != (self.unregularised or self.worse) and not arm.model]
        return replace(self, arms=tuple(arms))

    def _patient(self, arm: Arm) -> Arm:
        return replace(arm, name=arm.name + PATIENT, patience=PATIENCE, fair="patient")

    def patient(self, name: str) -> str:
        """The name of that arm with more epochs, or the same name for an arm that fits as it is."""
        return name + PATIENT if any(arm.name == name + PATIENT for arm in self.arms) else name

    @property
    def patient_pair(self) -> tuple[str, str] | None:
        """Its two arms, those that fit more slowly with more epochs; None if neither has more."""
        pair = (self.patient(self.better), self.patient(self.worse))
        return pair if pair != (self.better, self.worse) else None

    @property
    def also(self) -> tuple[tuple[str, str], ...]:
        """Further pairs to compare, better and worse: with more epochs for what fits more slowly, then beside another regulariser."""
        names = {arm.name for arm in self.arms}
        beside = [(better, worse) for better, worse in self.beside if {better, worse} <= names]
        return ((self.patient_pair,) if self.patient_pair is not None else ()) + tuple(beside)
