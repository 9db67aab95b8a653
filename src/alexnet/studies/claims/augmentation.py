"""Crops, mirrors and colours (paper 4.1)."""

from dataclasses import replace

from alexnet.studies.claim import Arm, Published, Study

DROPOUT: dict[str, object] = {"network.dropout": 0.5}


def augmented(
    *, crop: bool = False, flip: bool = False, brightness: float = 0.0, temperature: float = 0.0, pca: float = 0.0
) -> dict[str, object]:
    """All augmentation fields, explicitly: an arm has the given kinds and no others."""
    return {
        "augment.crop": crop,
        "augment.flip": flip,
        "augment.brightness": brightness,
        "augment.colour_temperature": temperature,
        "augment.pca_noise": pca,
    }


NONE = Arm(name="augment-none", changes=augmented())
GEOMETRY = Arm(name="geometry", changes=augmented(crop=True, flip=True))
GEOMETRY_AND_DROPOUT = Arm(name="geometry-dropout", changes=augmented(crop=True, flip=True) | DROPOUT)
ALL = Arm(name="augment-all", changes=augmented(crop=True, flip=True, brightness=0.2, temperature=0.1, pca=0.1))

AUGMENTATION = Study(
    claim="augmentation",
    section="4.1",
    better="geometry",
    worse="augment-none",
    needs="overfits",
    beside=(("geometry-dropout", "dropout-alone"),),
    arms=(
        NONE,
        GEOMETRY,
        Arm(name="dropout-alone", changes=augmented() | DROPOUT),
        GEOMETRY_AND_DROPOUT,
        Arm(name="crop", changes=augmented(crop=True), further=True),
        Arm(name="flip", changes=augmented(flip=True), further=True),
        Arm(name="brightness", changes=augmented(brightness=0.2), further=True),
        Arm(name="temperature", changes=augmented(temperature=0.1), further=True),
        Arm(name="pca-noise", changes=augmented(pca=0.1), further=True),
        replace(ALL, further=True),
    ),
    published=(
        Published(
            name="augmentation-paper",
            source="Krizhevsky, Sutskever, Hinton 2012, section 4.1",
        ),
    ),
)
