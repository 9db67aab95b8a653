"""The weights before training, which the 1990s had no rule for (the lecture; paper section 5)."""

from alexnet.studies.claim import FIVE_RATES, Arm, Published, Study

RANGE_255 = {"preprocess.pixel_range": "0-255", "network.initialisation": "table", "training.learning_rate": 0.01}

INITIALISATION = Study(
    claim="initialisation",
    section="lecture",
    better="he",
    worse="normal-variance-1",
    needs="learns",
    rates=FIVE_RATES,
    arms=(
        Arm(name="he"),
        Arm(name="xavier", changes={"network.initialisation": "xavier"}, further=True),
        Arm(name="normal-variance-1", changes={"network.initialisation": "table"}),
        Arm(name="normal-255", changes=RANGE_255, fair="papers-rate-and-range", further=True),
    ),
    published=(
        Published(name="init-paper", source="Krizhevsky, Sutskever, Hinton 2012, section 5"),
        Published(name="init-he", source="He et al. 2015, figure 3"),
    ),
)
