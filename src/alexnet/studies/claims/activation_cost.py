"""What a nonlinearity costs: the time of a training step (the lecture: ReLU needs no exponential).

One epoch, since training is not what is compared. Every network is timed in turns with the same network with ReLU.
"""

from alexnet.studies.claim import Arm, Study

ACTIVATION_COST = Study(
    claim="activation-cost",
    section="lecture",
    measure="seconds",
    better="cost-relu",
    worse="cost-sigmoid",
    needs="learns",
    rates=(1.0,),
    arms=(
        Arm(name="cost-relu", fair="one-epoch"),
        Arm(name="cost-sigmoid", changes={"network.activation": "sigmoid"}, fair="one-epoch"),
        Arm(name="cost-tanh", changes={"network.activation": "tanh"}, fair="one-epoch"),
    ),
    changes={"training.epochs": 1.0},
)
