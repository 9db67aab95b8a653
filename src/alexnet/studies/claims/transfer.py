"""Features learned once, used elsewhere: the lecture's last step (DeCAF, 2014), with a network that comes with its weights."""

from alexnet.recipes.efficientnet import TUNED
from alexnet.studies.changes import Times
from alexnet.studies.claim import Arm, Published, Study

NETWORK = "efficientnet-lite0"
LEAST = 0.1  # of the images, at which the claim is judged
SHARES = (("10", LEAST), ("30", 0.3), ("100", 1.0))
OWN: dict[str, object] = {
    "preprocess.pixel_range": "-1-1",
    "training.precision": TUNED.precision,
}  # what the network needs, with new weights too
SAME_SIZES = {name: Times(1.0) for name in ("preprocess.image_size", "preprocess.stored_size")}
FURTHER: dict[str, object] = OWN | {
    "weights": "imagenet",
    "training.lower_layers": TUNED.lower_layers,
    "training.rate_per_layer": TUNED.rate_per_layer,
    "training.fixed_layers": TUNED.fixed_layers,
    "training.norm_statistics": TUNED.norm_statistics,
}

# Small images are enlarged: five strides of 2 leave one position of 32 px.
TRANSFER = Study(
    claim="transfer",
    section="lecture",
    better="frozen-10",
    worse="scratch-10",
    needs="fits",
    arms=(
        *(
            Arm(name=f"scratch-{name}", model=NETWORK, changes=OWN | {"fraction": Times(share)}, further=share > LEAST)
            for name, share in SHARES
        ),
        *(
            Arm(
                name=f"frozen-{name}",
                model=f"{NETWORK}+svm",
                changes=SAME_SIZES | {"fraction": Times(share)},
                fair="frozen",
                further=share > LEAST,
            )
            for name, share in SHARES
        ),
        *(
            Arm(name=f"tuned-{name}", model=NETWORK, changes=FURTHER | {"fraction": Times(share)}, fair="tuned", further=True)
            for name, share in SHARES
        ),
    ),
    published=(Published(name="transfer-decaf", source="Donahue et al., DeCAF, ICML 2014, section 4.1", setting="caltech-101"),),
    small={"preprocess.stored_size": 72, "preprocess.image_size": 64, "augment.crop_padding": 0},
)
