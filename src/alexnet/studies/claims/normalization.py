"""Local response normalisation: within towers, across them, elsewhere, or none (paper 3.3)."""

from alexnet.studies.claim import Arm, Published, Study

# The published alpha is for pixels from 0 to 255; on images of unit variance only its constant factor has an effect.
STRONG = {"network.norm_alpha": 0.1}
FACTOR = {"network.norm_alpha": 0.0}
DECAY = {"training.weight_decay": 0.0005}

NORMALIZATION = Study(
    claim="normalization",
    section="3.3",
    better="norm-strong",
    worse="norm-factor",
    needs="fits",
    beside=(("norm-strong-decay", "norm-factor-decay"),),
    arms=(
        Arm(name="norm-strong", changes=STRONG, fair="alpha-for-variance-1"),
        Arm(name="norm-factor", changes=FACTOR, fair="scale-kept"),
        Arm(name="norm-strong-decay", changes={**STRONG, **DECAY}, fair="alpha-for-variance-1"),
        Arm(name="norm-factor-decay", changes={**FACTOR, **DECAY}, fair="scale-kept"),
        Arm(name="norm-published", further=True),
        Arm(name="norm-none", changes={"network.norm": "none"}, fair="scale-not-kept", further=True),
        Arm(name="norm-across", changes=STRONG | {"network.norm": "across-towers"}, fair="alpha-for-variance-1", further=True),
        Arm(
            name="norm-before-relu",
            changes=STRONG | {"network.norm_place": "before-activation"},
            fair="alpha-for-variance-1",
            further=True,
        ),
        Arm(name="norm-after-pool", changes=STRONG | {"network.norm_place": "after-pool"}, fair="alpha-for-variance-1", further=True),
    ),
    published=(
        Published(name="norm-paper", source="Krizhevsky, Sutskever, Hinton 2012, section 3.3"),
        Published(name="norm-program", source="the 2012 program, run 148"),
        Published(name="norm-conv2", supports=False, source="the 2012 program, run 167"),
        Published(name="norm-digits", supports=False, source="NVIDIA/DIGITS#1089", setting="dogs-cats"),
    ),
)
