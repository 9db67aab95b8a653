"""Colour augmentation in addition to geometry: on the lecture's own cell images it made results worse."""

from alexnet.studies.claim import Arm, Published, Study
from alexnet.studies.claims.augmentation import ALL, GEOMETRY, NONE

MEAN_COLOUR = {"preprocess.image_size": 1, "preprocess.stored_size": 1, "solver.kernel": "rbf"}  # all that one pixel says: the why

COLOUR = Study(
    claim="colour",
    section="lecture",
    better="geometry",
    worse="augment-all",
    needs="overfits",
    unregularised="augment-none",
    arms=(
        NONE,
        GEOMETRY,
        ALL,
        Arm(name="colour-alone", model="raw-svm", changes=MEAN_COLOUR, fair="colour-alone"),
    ),
    published=(Published(name="colour-lecture", source="the lecture", setting="cells"),),
)
