"""From LeNet to AlexNet one step at a time (the lecture: AlexNet is a bigger LeNet, with ReLU, max pooling and dropout)."""

from alexnet.studies.claim import FIVE_RATES, Arm, Study
from alexnet.studies.claims.augmentation import DROPOUT

RELU = {"network.activation": "relu", "network.initialisation": "he"}
MAX = {**RELU, "network.pooling": "max"}
OF_LENET = {"network.initialisation": "xavier", "training.learning_rate": 0.5}  # a sigmoid's gradient is a quarter at most

LENET_STEPS = Study(
    claim="lenet",
    section="lecture",
    better="lenet-alexnet",
    worse="lenet",
    needs="learns",
    rates=FIVE_RATES,
    arms=(
        Arm(name="lenet", model="lenet", changes=OF_LENET, fair="own-rate-start"),
        Arm(name="lenet-relu", model="lenet", changes=RELU),
        Arm(name="lenet-max", model="lenet", changes=MAX),
        Arm(name="lenet-dropout", model="lenet", changes={**MAX, **DROPOUT}),
        Arm(name="lenet-alexnet", fair="same-recipe-other-cost"),
        Arm(name="lenet-alexnet-dropout", changes=DROPOUT, fair="same-recipe-other-cost"),
    ),
)
