"""A convolutional network of 2024 for small images: what came after AlexNet, to compare it with.

Keller Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU" (arXiv 2404.00498), section 3. Batch norm (2015), GELU
(2016) and Dirac initialisation (2017) are all later than AlexNet. Its 2x2 windows are for images of about 32 px; a recipe for larger ones
widens the first layer's windows and stride, and leaves the rest as it is.
"""

from alexnet.models.networks.architecture import Architecture, Conv

CONVNET_SMALL = Architecture(
    name="convnet-small",
    title="What came after: a network of 2024 for small pictures, with batch norm and GELU",
    source="Jordan 2024, arXiv 2404.00498, section 3",
    image_size=32,
    classes=10,
    activation="gelu",
    pool_kernel=2,
    pool_stride=2,
    batch_norm=True,
    whitening_epsilon=5e-4,
    grid=1,
    grid_pooling="max",
    output_std=0.004,  # as published: of the usual 1/sqrt(3 x 256) a ninth
    initialisation="dirac",
    convs=(
        #    name     maps kernel stride padding towers norm pool
        Conv("conv1", 24, 2, 1, 0, 1, False, None, whitens=True, batch_norm=False),  # 31
        Conv("conv2", 64, 3, 1, 1, 1, False, "max"),  # 31 -> 15
        Conv("conv3", 64, 3, 1, 1, 1, False, None),  # 15
        Conv("conv4", 256, 3, 1, 1, 1, False, "max"),  # 15 -> 7
        Conv("conv5", 256, 3, 1, 1, 1, False, None),  # 7
        Conv("conv6", 256, 3, 1, 1, 1, False, "max"),  # 7 -> 3
        Conv("conv7", 256, 3, 1, 1, 1, False, None),  # 3
    ),
    hidden=(),
)
