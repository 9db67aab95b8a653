"""Weight decay (paper section 5)."""

from alexnet.studies.claim import Arm, Published, Study

WEIGHT_DECAY = Study(
    claim="weight-decay",
    section="5",
    better="decay",
    worse="no-decay",
    arms=(
        Arm(name="decay"),
        Arm(name="no-decay", changes={"training.weight_decay": 0.0}),
        Arm(name="decay-10", changes={"training.weight_decay": 0.005}),
    ),
    published=(
        Published(
            name="decay-paper",
            source="Krizhevsky, Sutskever, Hinton 2012, section 5",
        ),
    ),
)
