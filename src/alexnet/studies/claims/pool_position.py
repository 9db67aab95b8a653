"""Where the three poolings stand: after conv1, conv2 and conv5, or elsewhere (asked by the lecture's audience)."""

from alexnet.studies.claim import Arm, Study

POOL_POSITION = Study(
    claim="pool-position",
    section="audience",
    better="pools-125",
    worse="pools-123",
    arms=(
        Arm(name="pools-125", fair="same-recipe-other-cost"),
        Arm(name="pools-123", changes={"network.pool_after": "conv1,conv2,conv3"}, fair="same-recipe-other-cost"),
        Arm(name="pools-135", changes={"network.pool_after": "conv1,conv3,conv5"}, fair="same-recipe-other-cost"),
        Arm(name="pools-145", changes={"network.pool_after": "conv1,conv4,conv5"}, fair="same-recipe-other-cost"),
    ),
)
