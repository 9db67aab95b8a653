"""Windows of 3 with stride 2 against windows of 2 with stride 2, at equal map sizes (paper 3.4)."""

from alexnet.studies.claim import Arm, Published, Study

OVERLAP = Study(
    claim="overlap",
    section="3.4",
    better="overlapping",
    worse="side-by-side",
    needs="fits",
    arms=(
        Arm(name="overlapping", fair="equal-maps"),
        Arm(name="side-by-side", changes={"network.pool_kernel": 2}, fair="equal-maps"),
    ),
    published=(
        Published(name="overlap-paper", source="Krizhevsky, Sutskever, Hinton 2012, section 3.4"),
        Published(name="overlap-program", source="the 2012 program, run 147"),
        Published(name="overlap-caffenet", supports=False, source="caffenet-benchmark", setting="imagenet-128"),
    ),
)
