"""Few images against many, for hand-crafted and for learned features (the lecture: data, then AlexNet)."""

from alexnet.studies.changes import Times
from alexnet.studies.claim import Arm, Published, Study

SHARES = (("10", 0.1), ("30", 0.3), ("100", 1.0))

DATA = Study(
    claim="data",
    section="lecture",
    better="fisher-10",
    worse="alexnet-10",
    needs="fits",
    arms=(
        *(Arm(name=f"alexnet-{name}", changes={"fraction": Times(share)}, fair="own-recipe") for name, share in SHARES),
        *(Arm(name=f"fisher-{name}", model="fisher-svm", changes={"fraction": Times(share)}, fair="own-recipe") for name, share in SHARES),
    ),
    published=(
        Published(
            name="data-paper",
            source="Krizhevsky, Sutskever, Hinton 2012, table 1",
            setting="ilsvrc-2010",
        ),
        Published(
            name="data-caffenet",
            supports=False,
            source="caffenet-benchmark",
            setting="imagenet-128",
        ),
    ),
)
