"""The gradients of ReLU and of the saturating nonlinearities, before, during and after training (the lecture: ReLU's are larger).

The gradients of all layers shrink as a network fits, whatever its nonlinearity, so that the verdict is about those after the first epoch.
"""

from alexnet.studies.claim import FIVE_RATES, Arm, Study

ACTIVATION_GRADIENTS = Study(
    claim="activation-gradients",
    section="lecture",
    measure="gradients-epoch",
    further_measures=("gradients", "gradients-end"),
    better="gradient-relu",
    worse="gradient-sigmoid",
    needs="learns",
    rates=FIVE_RATES,
    arms=(
        Arm(name="gradient-relu"),
        Arm(name="gradient-sigmoid", changes={"network.activation": "sigmoid"}, fair="signal-kept"),
        Arm(name="gradient-tanh", changes={"network.activation": "tanh"}, fair="signal-kept"),
    ),
)
