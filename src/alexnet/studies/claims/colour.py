"""Colours besides geometry: the lecture's own cells became worse by it."""

from alexnet.studies.claim import Published, Study
from alexnet.studies.claims.augmentation import ALL, GEOMETRY

COLOUR = Study(
    claim="colour",
    section="lecture",
    better="geometry",
    worse="augment-all",
    arms=(GEOMETRY, ALL),
    published=(Published(name="colour-lecture", source="the lecture", setting="cells"),),
)
