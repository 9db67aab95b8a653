"""How many 3x3 convolutions (asked by the lecture's audience: why three more, why not five)."""

from alexnet.studies.claim import Arm, Published, Study

DEPTH = Study(
    claim="depth",
    section="audience",
    better="three",
    worse="one",
    arms=(
        Arm(name="three", fair="same-recipe-other-cost"),
        *(
            Arm(name=name, changes={"network.convolutions_3x3": count}, fair="same-recipe-other-cost")
            for name, count in (("one", 1), ("two", 2), ("four", 4), ("five", 5))
        ),
    ),
    published=(Published(name="depth-zeiler", source="Zeiler and Fergus 2013, table 3"),),
)
