"""What a study is, as data: one claim, the arms that it compares, what is measured, and what others have published."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from alexnet.i18n.translate import say

Measure = Literal["error", "epochs"]  # error on the images that are tested; passes until TARGET_ERROR on the training images

TARGET_ERROR = 0.25  # training error of the paper's figure 1

Changes = Mapping[str, Any]  # dotted fields of a recipe -> values


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One side of a comparison: what it changes in the study's common recipe, and what is done so that the comparison is fair.

    Its words on pages are the messages `claims.arm-NAME` and `claims.fair-FAIR`.
    """

    name: str
    changes: Changes = field(default_factory=dict)
    fair: str = "same-recipe"
    model: str = ""  # "": the study's network
    small: Changes = field(default_factory=dict)  # besides, for images that are seen at their own small size


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """An effect that others have measured: the message `claims.published-NAME`, with its figure; `claims.setting-SETTING` says on what."""

    name: str
    source: str
    setting: str = "imagenet"
    supports: bool = True  # the claim; False: speaks against it

    def to_json(self) -> dict[str, object]:
        """The fields, and as texts `what` was found and `on` what."""
        texts = {"what": say(f"claims.published-{self.name}", "en"), "on": say(f"claims.setting-{self.setting}", "en")}
        return {"name": self.name, "source": self.source, "setting": self.setting, "supports": self.supports, **texts}


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """A claim of the lecture. It holds where arm `better` has less of the measure than arm `worse`.

    changes: what all arms share, against the common recipe (no regularisation, say). The question and the claim are the messages
    `claims.NAME-question` and `claims.NAME-claim`.
    """

    claim: str
    arms: tuple[Arm, ...]
    better: str
    worse: str
    section: str  # of the paper, or who asked
    measure: Measure = "error"
    published: tuple[Published, ...] = ()
    changes: Changes = field(default_factory=dict)
    small: Changes = field(default_factory=dict)  # besides, for images that are seen at their own small size
    small_model: str = ""  # the network for images that are seen at their own small size; "": AlexNet

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)
