"""Large first windows with large strides: for the images, or for the GPUs of 2012 (asked by the lecture's audience)."""

from alexnet.studies.claim import Arm, Study


def _window(kernel: int, stride: int, padding: int) -> dict[str, int]:
    return {"network.first_kernel": kernel, "network.first_stride": stride, "network.first_padding": padding}


# Small images are enlarged: after a stride of 4, three poolings would leave nothing of them.
FIRST_LAYER = Study(
    claim="first-layer",
    section="audience",
    better="first-5",
    worse="first-11",
    needs="fits",
    arms=(
        Arm(name="first-11", changes=_window(11, 4, 0), fair="same-recipe-other-cost"),
        Arm(name="first-7", changes=_window(7, 2, 2), fair="same-recipe-other-cost", further=True),
        Arm(name="first-5", changes=_window(5, 1, 2), fair="same-recipe-other-cost"),
    ),
    small={"preprocess.stored_size": 72, "preprocess.image_size": 64, "augment.crop_padding": 0},
)
