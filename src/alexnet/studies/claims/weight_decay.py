"""Weight decay (paper section 5)."""

from alexnet.studies.claim import Arm, Published, Study
from alexnet.studies.claims.normalization import DECAY, STRONG

WEIGHT_DECAY = Study(
    claim="weight-decay",
    section="5",
    better="decay",
    worse="no-decay",
    needs="overfits",
    beside=(("strong-decay", "strong-no-decay"),),
    arms=(
        Arm(name="decay", changes=DECAY),
        Arm(name="no-decay", changes={"training.weight_decay": 0.0}),
        Arm(name="strong-decay", changes={**STRONG, **DECAY}),
        Arm(name="strong-no-decay", changes=STRONG),
        Arm(name="decay-10", changes={"training.weight_decay": 0.005}, further=True),
    ),
    published=(
        Published(
            name="decay-paper",
            source="Krizhevsky, Sutskever, Hinton 2012, section 5",
        ),
        Published(name="decay-caffenet", source="caffenet-benchmark", setting="imagenet-128"),
    ),
)
