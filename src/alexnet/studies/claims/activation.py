"""ReLU against the saturating nonlinearities (paper 3.1 and figure 1), with the weights of 2012 and with later ones."""

from typing import Any

from alexnet.studies.changes import Times
from alexnet.studies.claim import FIVE_RATES, TARGET_ERROR, Arm, Published, Study

# As in figure 1: a constant learning rate, chosen for each nonlinearity. Weights and pixel range are those of 2012.
OF_2012 = {
    "network.initialisation": "table",
    "preprocess.pixel_range": "0-255",
    "training.epochs": Times(3.0),
    "training.enough_training_error": TARGET_ERROR,
    "training.schedule": "constant",
    "training.learning_rate": 0.002,
    "training.bias_learning_rate": 2.0,
    "training.nesterov": False,
}


def _later(nonlinearity: str, weights: str, rate: float) -> dict[str, Any]:
    """Weights scaled by the layer's size, images of unit variance, and a learning rate that suits both."""
    return {
        "network.activation": nonlinearity,
        "network.initialisation": weights,
        "preprocess.pixel_range": "unit-variance",
        "training.learning_rate": rate,
    }


ACTIVATION = Study(
    claim="activation",
    section="3.1",
    measure="epochs",
    better="relu",
    worse="tanh-own",
    needs="learns",
    rates=FIVE_RATES,
    arms=(
        Arm(name="relu"),
        Arm(name="tanh-own", changes={"network.activation": "tanh", "training.learning_rate": 0.012}, fair="own-rate"),
        Arm(name="sigmoid", changes={"network.activation": "sigmoid"}, further=True),
        Arm(name="relu-later", changes=_later("relu", "he", 0.01), fair="later-weights", further=True),
        Arm(name="tanh-later", changes=_later("tanh", "xavier", 0.02), fair="later-weights", further=True),
        Arm(name="sigmoid-later", changes=_later("sigmoid", "xavier", 0.05), fair="later-weights", further=True),
    ),
    changes=OF_2012,
    small_model="alexnet-cifar-26",  # the authors' own four-layer network of this section
    small={
        "network.width": 1.0,
        "augment.crop_padding": 0,
    },
    published=(
        Published(name="fewer-epochs", source="Krizhevsky, Sutskever, Hinton 2012, figure 1", setting="cifar-four-layers"),
        Published(name="relu-tanh", source="caffenet-benchmark", setting="imagenet-128"),
    ),
)
