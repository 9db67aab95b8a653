"""Maximum against average and other ways to make maps smaller (paper 3.4; the lecture's pooling slide)."""

from alexnet.studies.claim import Arm, Published, Study

POOLING = Study(
    claim="pooling",
    section="3.4",
    better="max",
    worse="average",
    needs="fits",
    arms=(
        Arm(name="max", fair="equal-maps"),
        Arm(name="average", changes={"network.pooling": "average"}, fair="equal-maps"),
        Arm(name="max-and-average", changes={"network.pooling": "max+average"}, fair="equal-maps", further=True),
        Arm(
            name="strided-convolution",
            changes={"network.pooling": "strided-convolution"},
            fair="equal-maps-more-parameters",
            further=True,
        ),
    ),
    published=(Published(name="max-average", source="caffenet-benchmark", setting="imagenet-128"),),
)
