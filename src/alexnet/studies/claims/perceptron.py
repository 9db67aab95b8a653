"""Convolutions against fully connected layers alone, on pixels and on patches (asked by the audience: will MLPs come back)."""

from alexnet.studies.changes import Matching
from alexnet.studies.claim import Arm, Study

PERCEPTRON = Study(
    claim="convolution",
    section="audience",
    better="convolutions",
    worse="mlp-parameters",
    needs="fits",
    arms=(
        Arm(name="convolutions"),
        Arm(name="mlp-parameters", model="mlp", changes={"network.hidden_units": Matching("parameters")}, fair="equal-parameters"),
        Arm(name="mlp-macs", model="mlp", changes={"network.hidden_units": Matching("macs")}, fair="equal-macs", further=True),
        Arm(
            name="mixer-parameters",
            model="mlp-mixer",
            changes={"network.width": Matching("parameters")},
            fair="equal-parameters",
            further=True,
        ),
    ),
)
