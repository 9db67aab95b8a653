"""How many 3x3 convolutions (asked by the lecture's audience: why three more, why not five)."""

from alexnet.studies.changes import Matching
from alexnet.studies.claim import Arm, Published, Study

EQUAL_COST = {"network.width": Matching("macs")}


def _layers(count: int) -> dict[str, object]:
    return {"network.convolutions_3x3": count}


DEPTH = Study(
    claim="depth",
    section="audience",
    better="three",
    worse="one",
    needs="fits",
    arms=(
        Arm(name="three", fair="same-recipe-other-cost"),
        Arm(name="one", changes=_layers(1), fair="same-recipe-other-cost"),
        Arm(name="one-macs", changes=_layers(1) | EQUAL_COST, fair="equal-macs", further=True),
        Arm(name="two", changes=_layers(2), fair="same-recipe-other-cost", further=True),
        Arm(name="four", changes=_layers(4), fair="same-recipe-other-cost", further=True),
        Arm(name="five", changes=_layers(5), fair="same-recipe-other-cost", further=True),
        Arm(name="five-macs", changes=_layers(5) | EQUAL_COST, fair="equal-macs", further=True),
    ),
    published=(Published(name="depth-zeiler", source="Zeiler and Fergus 2013, table 3"),),
)
