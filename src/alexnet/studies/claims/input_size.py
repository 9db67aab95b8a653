"""A forced square, or the short side and a crop; larger and smaller images (asked by the lecture's audience)."""

from alexnet.studies.changes import Times
from alexnet.studies.claim import Arm, Published, Study

INPUT_SIZE = Study(
    claim="input-size",
    section="audience",
    better="short-side-crop",
    worse="forced-square",
    needs="fits",
    arms=(
        Arm(name="short-side-crop"),
        Arm(name="forced-square", changes={"preprocess.fit": "squash"}),
        Arm(name="any-size-test", changes={"views": "any"}, further=True),
        Arm(
            name="larger",
            changes={"preprocess.image_size": Times(1.5), "preprocess.stored_size": Times(1.5)},
            small={"preprocess.image_size": 47, "preprocess.stored_size": 48},
            fair="same-recipe-other-cost",
            further=True,
        ),
    ),
    published=(Published(name="size-caffenet", source="caffenet-benchmark"),),
)
