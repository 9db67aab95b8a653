"""Dropout on the fully connected layers (paper 4.2)."""

from alexnet.studies.claim import Arm, Published, Study
from alexnet.studies.claims.augmentation import DROPOUT as HALF
from alexnet.studies.claims.augmentation import GEOMETRY, GEOMETRY_AND_DROPOUT

DROPOUT = Study(
    claim="dropout",
    section="4.2",
    better="dropout-fc",
    worse="no-dropout",
    needs="overfits",
    beside=(("geometry-dropout", "geometry-no-dropout"),),
    arms=(
        Arm(name="dropout-fc", changes=HALF),
        Arm(name="no-dropout", changes={"network.dropout": 0.0}),
        GEOMETRY_AND_DROPOUT,
        Arm(name="geometry-no-dropout", changes=GEOMETRY.changes),
        Arm(name="dropout-weak", changes={"network.dropout": 0.2}, fair="weaker-dropout-fc", further=True),
        Arm(name="dropout-wide", changes={**HALF, "network.hidden_units": 8192}, fair="dropout-wide", further=True),
        Arm(
            name="dropout-conv",
            changes={"network.dropout": 0.1, "network.dropout_place": "convolutions"},
            fair="weaker-dropout",
            further=True,
        ),
    ),
    published=(
        Published(
            name="dropout-paper",
            source="Krizhevsky, Sutskever, Hinton 2012, section 4.2",
        ),
        Published(name="dropout-half-width", supports=False, source="caffenet-benchmark", setting="imagenet-128"),
        Published(name="dropout-batch-norm", supports=False, source="caffenet-benchmark", setting="imagenet-128"),
    ),
)
