"""Batch normalisation (2015), before or after the nonlinearity, with and without dropout (asked by the lecture's audience)."""

from alexnet.studies.claim import FIVE_RATES, Arm, Published, Study
from alexnet.studies.claims.augmentation import DROPOUT

WITHOUT = {"network.norm": "none"}  # local response normalisation
BEFORE = {**WITHOUT, "network.batch_norm": True}

BATCH_NORM = Study(
    claim="batch-norm",
    section="audience",
    better="batch-norm-before",
    worse="batch-norm-none",
    needs="fits",
    rates=FIVE_RATES,
    beside=(("batch-norm-dropout", "dropout-no-norm"),),
    arms=(
        Arm(name="batch-norm-before", changes=BEFORE),
        Arm(name="batch-norm-none", changes=WITHOUT),
        Arm(name="batch-norm-dropout", changes={**BEFORE, **DROPOUT}),
        Arm(name="dropout-no-norm", changes={**WITHOUT, **DROPOUT}),
        Arm(name="batch-norm-after", changes={**BEFORE, "network.batch_norm_place": "after-activation"}, further=True),
    ),
    published=(
        Published(name="batch-norm-caffenet", source="caffenet-benchmark", setting="imagenet-128"),
        Published(name="dropout-batch-norm", source="caffenet-benchmark", setting="imagenet-128", supports=False),
    ),
)
