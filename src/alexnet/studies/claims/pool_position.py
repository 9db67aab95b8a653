"""Where the three poolings stand: after conv1, conv2 and conv5, or elsewhere (asked by the lecture's audience)."""

from alexnet.studies.changes import Matching
from alexnet.studies.claim import Arm, Study

EQUAL_COST = {"network.width": Matching("macs")}


def _after(convolutions: str) -> dict[str, object]:
    return {"network.pool_after": convolutions}


POOL_POSITION = Study(
    claim="pool-position",
    section="audience",
    better="pools-125",
    worse="pools-123",
    needs="fits",
    arms=(
        Arm(name="pools-125", fair="same-recipe-other-cost"),
        Arm(name="pools-123", changes=_after("conv1,conv2,conv3"), fair="same-recipe-other-cost"),
        Arm(name="pools-123-macs", changes=_after("conv1,conv2,conv3") | EQUAL_COST, fair="equal-macs", further=True),
        Arm(name="pools-135", changes=_after("conv1,conv3,conv5"), fair="same-recipe-other-cost", further=True),
        Arm(name="pools-145", changes=_after("conv1,conv4,conv5"), fair="same-recipe-other-cost", further=True),
    ),
)
