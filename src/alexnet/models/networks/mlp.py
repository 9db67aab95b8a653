"""The multilayer perceptron: fully connected layers only, to test whether convolutions are worth it."""

from alexnet.models.networks.architecture import Architecture, Full

MLP = Architecture(
    name="mlp",
    title="Multilayer perceptron: two hidden layers on the pixels, no convolution",
    source="Dive into Deep Learning, chapter 5, with two hidden layers, ReLU and dropout",
    image_size=32,
    classes=10,
    dropout=0.5,
    initialisation="he",
    convs=(),
    hidden=(Full("fc1", 512, 0.0), Full("fc2", 512, 0.0)),
)
