"""How many channels the first layer has: 6 as in LeNet, 24, or 96 as in AlexNet (the lecture: more channels see more patterns)."""

from alexnet.studies.changes import InSpiteOfWidth
from alexnet.studies.claim import Arm, Study


def _channels(number: int) -> dict[str, object]:
    """One tower, so that any even number of channels can be had."""
    return {"network.towers": 1, "network.first_channels": InSpiteOfWidth(number)}


WIDTH = Study(
    claim="width",
    section="lecture",
    better="channels-96",
    worse="channels-6",
    needs="fits",
    arms=(
        Arm(name="channels-96", changes=_channels(96), fair="same-recipe-other-cost"),
        Arm(name="channels-24", changes=_channels(24), fair="same-recipe-other-cost", further=True),
        Arm(name="channels-6", changes=_channels(6), fair="same-recipe-other-cost"),
    ),
)
