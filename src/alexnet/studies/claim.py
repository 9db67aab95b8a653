"""A study as data: one claim, the arms it compares, what is measured, and published results."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from alexnet.i18n.translate import say

Measure = Literal["error", "epochs"]  # error on the judged images; epochs until TARGET_ERROR on the training images

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
    """A claim of the lecture. It holds if arm `better` has a lower measure than arm `worse`.

    changes: what all arms change in the common recipe, such as no regularisation. The question and the claim are the messages
    `claims.NAME-question` and `claims.NAME-claim`.
    """

    claim: str
    arms: tuple[Arm, ...]
    better: str
    worse: str
    section: str  # of the paper, or whose question it is
    measure: Measure = "error"
    published: tuple[Published, ...] = ()
    changes: Changes = field(default_factory=dict)
    small: Changes = field(default_factory=dict)  # further changes for small images, which are used at their own size
    small_model: str = ""  # the network for small images; "": AlexNet

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)
