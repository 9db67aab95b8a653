"""Whether larger windows forgive a small shift of the image (the lecture's pooling slide: 2x2 to one side, 3x3 to both)."""

from alexnet.studies.claim import Study
from alexnet.studies.claims.overlap import OVERLAP

SHIFTS = Study(
    claim="shifts",
    section="lecture",
    measure="shifts",
    better="overlapping",
    worse="side-by-side",
    needs="fits",
    arms=OVERLAP.arms,
)
