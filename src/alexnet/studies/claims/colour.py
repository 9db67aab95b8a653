"""Colour augmentation in addition to geometry: on the lecture's own cell images it made results worse."""

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
