"""Dropout on the fully connected layers (paper 4.2)."""

from alexnet.studies.claim import Arm, Published, Study

DROPOUT = Study(
    claim="dropout",
    section="4.2",
    better="dropout-fc",
    worse="no-dropout",
    arms=(
        Arm(name="dropout-fc"),
        Arm(name="no-dropout", changes={"network.dropout": 0.0}),
        Arm(name="dropout-conv", changes={"network.dropout": 0.1, "network.dropout_place": "convolutions"}, fair="weaker-dropout"),
    ),
    published=(
        Published(
            name="dropout-paper",
            source="Krizhevsky, Sutskever, Hinton 2012, section 4.2",
        ),
    ),
)
