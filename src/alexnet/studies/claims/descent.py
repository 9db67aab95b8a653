"""Variants of stochastic gradient descent: without momentum, with Nesterov's, Adam of 2015 (the lecture: what the 1990s lacked)."""

from alexnet.studies.changes import Times
from alexnet.studies.claim import FIVE_RATES, Arm, Study

MOMENTUM = {"training.momentum": 0.9, "training.nesterov": False}
NONE = {"training.momentum": 0.0, "training.nesterov": False, "training.learning_rate": Times(10.0)}
ADAM = {"training.optimizer": "adam", "training.learning_rate": Times(0.1)}

DESCENT = Study(
    claim="momentum",
    section="lecture",
    better="momentum",
    worse="no-momentum",
    needs="learns",
    rates=FIVE_RATES,
    arms=(
        Arm(name="momentum", changes=MOMENTUM),
        Arm(name="no-momentum", changes=NONE, fair="step-for-no-momentum"),
        Arm(name="nesterov", changes={"training.nesterov": True}, further=True),
        Arm(name="adam", changes=ADAM, fair="rate-for-adam", further=True),
    ),
)
