"""Two hidden layers of 4096, one, none, smaller (asked by the lecture's audience)."""

from alexnet.studies.changes import Matching
from alexnet.studies.claim import Arm, Published, Study

FULLY_CONNECTED = Study(
    claim="fully-connected",
    section="audience",
    better="fc-two",
    worse="fc-one",
    needs="fits",
    arms=(
        Arm(name="fc-two"),
        Arm(name="fc-one", changes={"network.fully_connected": 1}, fair="fewer-parameters"),
        Arm(
            name="fc-one-equal",
            changes={"network.fully_connected": 1, "network.hidden_units": Matching("parameters")},
            fair="equal-parameters",
            further=True,
        ),
        Arm(name="fc-none", changes={"network.fully_connected": 0}, fair="fewer-parameters", further=True),
        Arm(name="fc-small", changes={"network.hidden_units": 1024}, fair="fewer-parameters", further=True),
    ),
    published=(
        Published(name="fc-zeiler", supports=False, source="Zeiler and Fergus 2013, table 3"),
        Published(name="fc-zeiler-none", source="Zeiler and Fergus 2013, table 3"),
        Published(name="fc-zeiler-units", source="Zeiler and Fergus 2013, table 3"),
    ),
)
