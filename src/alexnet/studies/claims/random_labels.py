"""Random classes, which can only be learned by heart, with and without augmentation (the lecture: augmentation stops that)."""

from alexnet.studies.changes import Times
from alexnet.studies.claim import TARGET_ERROR, Arm, Published, Study
from alexnet.studies.claims.augmentation import DROPOUT, augmented

RANDOM_LABELS = Study(
    claim="random-labels",
    section="lecture",
    measure="epochs",
    better="by-heart",
    worse="by-heart-geometry",
    needs="learns",
    arms=(
        Arm(name="by-heart"),
        Arm(name="by-heart-geometry", changes=augmented(crop=True, flip=True)),
        Arm(name="by-heart-dropout", changes=DROPOUT, further=True),
    ),
    changes={
        "training.random_labels": 1.0,
        "training.epochs": Times(3.0),
        "training.enough_training_error": TARGET_ERROR,
    },
    published=(Published(name="random-labels-zhang", source="Zhang et al. 2017, table 1", setting="cifar-inception"),),
)
