"""AlexNet in its three exact forms (the 2012 network, that of *One weird trick*, the lecture's) and the 2012 network in one tower."""

from dataclasses import replace

from alexnet.models.networks.architecture import Architecture, Conv, Full

ALEXNET_2012 = Architecture(
    name="alexnet",
    title="AlexNet as published: two towers, response normalisation, overlapping pooling",
    source="Krizhevsky, Sutskever, Hinton 2012; the 2012 program",
    image_size=224,
    window_hangs_over=True,  # 224 + 3 zeros right and bottom = 227
    towers=2,
    norm="within-towers",
    dropout=0.5,
    convs=(
        #    name     maps kernel stride padding towers norm   pool   bias
        Conv("conv1", 96, 11, 4, 0, 1, True, "max"),  # 55 -> 27
        Conv("conv2", 256, 5, 1, 2, 2, True, "max", 1.0),  # 27 -> 13
        Conv("conv3", 384, 3, 1, 1, 1, False, None),  # 13; sees both towers
        Conv("conv4", 384, 3, 1, 1, 2, False, None, 1.0),  # 13
        Conv("conv5", 256, 3, 1, 1, 2, False, "max", 1.0),  # 13 -> 6
    ),
    hidden=(Full("fc6", 4096), Full("fc7", 4096)),
)

ALEXNET_OWT = Architecture(
    name="alexnet-owt",
    title="AlexNet as torchvision has it: one tower, no normalisation",
    source="Krizhevsky 2014, One weird trick (arXiv 1404.5997); torchvision",
    image_size=224,
    dropout=0.5,
    dropout_place="before-fc",
    grid=6,
    initialisation="pytorch",
    numbered=True,
    convs=(
        Conv("conv1", 64, 11, 4, 2, 1, False, "max"),  # 55 -> 27
        Conv("conv2", 192, 5, 1, 2, 1, False, "max"),  # 27 -> 13
        Conv("conv3", 384, 3, 1, 1, 1, False, None),  # 13
        Conv("conv4", 256, 3, 1, 1, 1, False, None),  # 13
        Conv("conv5", 256, 3, 1, 1, 1, False, "max"),  # 13 -> 6
    ),
    hidden=(Full("fc6", 4096), Full("fc7", 4096)),
)

ALEXNET_D2L = Architecture(
    name="alexnet-d2l",
    title="AlexNet as the lecture has it: one tower, no normalisation, a smaller fc6",
    source="Dive into Deep Learning, section 8.1",
    image_size=224,
    channels=1,
    classes=10,
    dropout=0.5,
    initialisation="xavier",
    convs=(
        Conv("conv1", 96, 11, 4, 1, 1, False, "max"),  # 54 -> 26
        Conv("conv2", 256, 5, 1, 2, 1, False, "max"),  # 26 -> 12
        Conv("conv3", 384, 3, 1, 1, 1, False, None),  # 12
        Conv("conv4", 384, 3, 1, 1, 1, False, None),  # 12
        Conv("conv5", 256, 3, 1, 1, 1, False, "max"),  # 12 -> 5
    ),
    hidden=(Full("fc6", 4096, 0.0), Full("fc7", 4096, 0.0)),
)

ALEXNET_ONE_TOWER = replace(
    ALEXNET_2012,
    name="alexnet-one-tower",
    title="The 2012 network in one tower: no groups",
    norm="across-towers",
    convs=tuple(replace(conv, towers=1) for conv in ALEXNET_2012.convs),
)
