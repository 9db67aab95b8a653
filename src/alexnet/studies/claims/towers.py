"""The two-GPU design: two towers connected at conv3, one tower, two unconnected towers, half a network (paper 3.2)."""

from alexnet.studies.changes import Times
from alexnet.studies.claim import Arm, Published, Study

TOWERS = Study(
    claim="towers",
    section="3.2",
    better="two-towers",
    worse="half",
    needs="fits",
    arms=(
        Arm(name="two-towers"),
        Arm(name="one-tower", changes={"network.towers": 1}, fair="more-parameters", further=True),
        Arm(name="silent-towers", changes={"network.towers_talk": False}, fair="fewer-parameters", further=True),
        Arm(name="half", changes={"network.towers": 1, "network.width": Times(0.5)}, fair="fewer-parameters"),
    ),
    published=(
        Published(
            name="towers-paper",
            source="Krizhevsky, Sutskever, Hinton 2012, section 3.2",
        ),
    ),
)
