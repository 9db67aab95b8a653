"""Whether maximum pooling leaves larger gradients than average pooling before training (the lecture's pooling slide)."""

from alexnet.studies.claim import Study
from alexnet.studies.claims.pooling import POOLING

GRADIENTS = Study(
    claim="pooling-gradients",
    section="lecture",
    measure="gradients",
    better="max",
    worse="average",
    needs="learns",
    arms=tuple(arm for arm in POOLING.arms if not arm.further),
)
