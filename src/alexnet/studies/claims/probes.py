"""A linear machine on every layer, trained and random (the lecture: training makes the last hidden layer separable)."""

from alexnet.studies.claim import Arm, Published, Study

ALL_BUT_THE_LAST = 10_000  # layers, as many as there are

PROBES = Study(
    claim="probes",
    section="lecture",
    measure="probes",
    better="layers-trained",
    worse="layers-random",
    needs="learns",
    arms=(
        Arm(name="layers-trained"),
        Arm(name="layers-random", changes={"training.fixed_layers": ALL_BUT_THE_LAST}, fair="last-layer-alone"),
    ),
    published=(Published(name="probes-zeiler", source="Zeiler, Fergus 2013, table 7", setting="caltech-101"),),
)
