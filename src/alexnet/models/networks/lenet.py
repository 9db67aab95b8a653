"""LeNet as in the lecture: sigmoid and average pooling."""

from alexnet.models.networks.architecture import Architecture, Conv, Full

LENET = Architecture(
    name="lenet",
    title="LeNet: sigmoid, average pooling, 28-pixel pictures",
    source="LeCun et al. 1998, in the form of Dive into Deep Learning, section 7.6",
    image_size=28,
    channels=1,
    classes=10,
    canvas=32,  # 28 + 2 zeros on every side
    activation="sigmoid",
    pool_kernel=2,
    pool_stride=2,
    initialisation="xavier",
    convs=(
        Conv("conv1", 6, 5, 1, 0, 1, False, "average"),  # 28 -> 14
        Conv("conv2", 16, 5, 1, 0, 1, False, "average"),  # 10 -> 5
    ),
    hidden=(Full("fc3", 120, 0.0), Full("fc4", 84, 0.0)),
)
