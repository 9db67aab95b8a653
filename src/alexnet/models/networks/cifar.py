"""The paper's networks for small images (sections 3.1 and 3.3), as in the authors' cuda-convnet, and one of this project.

They are named after the test error that their authors report on CIFAR-10. Initial weights are N(0, 1e-4) in conv1, N(0, .01)
elsewhere and N(0, .04) in the local layers; the number of pooling windows is rounded up, so 32 -> 16 -> 8 -> 4.
"""

from dataclasses import replace

from alexnet.models.networks.architecture import Architecture, Conv, Full

CIFAR_11 = Architecture(
    name="alexnet-cifar",
    title="AlexNet for small pictures: the authors' 11% network for CIFAR-10",
    source="cuda-convnet, the 11% network; paper section 3.3",
    image_size=32,
    classes=10,
    pool_ceil=True,
    norm="across-towers",
    norm_size=9,
    norm_alpha=1e-3,
    norm_k=1.0,
    norm_place="after-pool",
    convs=(
        #    name      maps kernel stride padding towers norm pool  bias std     shared
        Conv("conv1", 64, 5, 1, 2, 1, True, "max", 0.0, 1e-4),  # 32 -> 16
        Conv("conv2", 64, 5, 1, 2, 1, True, "max"),  # 16 -> 8
        Conv("local3", 64, 3, 1, 1, 1, False, None, 0.0, 0.04, False),  # 8
        Conv("local4", 32, 3, 1, 1, 1, False, None, 0.0, 0.04, False),  # 8
    ),
    hidden=(),
)

# Whitening first layer, alternating mirrors and Muon as Keller Jordan uses them for CIFAR-10 (arXiv 2404.00498); see docs/decisions.md.
CIFAR_FAST = Architecture(
    name="alexnet-cifar-fast",
    title="Ours for small pictures, no longer recommended (see convnet-small): AlexNet's parts, a whitening first layer",
    source="this project; see docs/decisions.md",
    image_size=32,
    classes=10,
    pool_ceil=True,
    norm="across-towers",
    norm_alpha=0.1,
    norm_k=1.0,
    norm_place="after-pool",
    batch_norm=True,
    dropout=0.1,
    grid=1,
    initialisation="images",
    convs=(
        #    name     maps kernel stride padding towers norm pool
        Conv("conv1", 48, 3, 1, 1, 1, True, "max", whitens=True),  # 32 -> 16
        Conv("conv2", 64, 3, 1, 1, 1, False, None),  # 16
        Conv("conv3", 128, 3, 1, 1, 1, True, "max"),  # 16 -> 8
        Conv("conv4", 192, 3, 1, 1, 1, False, None),  # 8
        Conv("conv5", 192, 3, 1, 1, 1, True, "max"),  # 8 -> 4
    ),
    hidden=(),
)

CIFAR_13 = replace(
    CIFAR_11,
    name="alexnet-cifar-13",
    title="The authors' 13% network for CIFAR-10: local layers, no normalisation",
    source="cuda-convnet, the 13% network",
    norm="none",
    convs=(*(replace(conv, norm=False) for conv in CIFAR_11.convs[:2]), replace(CIFAR_11.convs[2], channels=32), CIFAR_11.convs[3]),
)

CIFAR_26 = Architecture(
    name="alexnet-cifar-26",
    title="The authors' 26% network for CIFAR-10: the four-layer network of section 3.1",
    source="cuda-convnet, the 26% network; paper section 3.1",
    image_size=32,
    classes=10,
    pool_ceil=True,
    convs=(
        Conv("conv1", 32, 5, 1, 2, 1, False, "max", 0.0, 1e-4),  # 32 -> 16
        Conv("conv2", 32, 5, 1, 2, 1, False, "average"),  # 16 -> 8
        Conv("conv3", 64, 5, 1, 2, 1, False, "average"),  # 8 -> 4
    ),
    hidden=(Full("fc4", 64, 0.0),),
)

CIFAR_18 = replace(
    CIFAR_26,
    name="alexnet-cifar-18",
    title="The authors' 18% network for CIFAR-10: same-map normalisation",
    source="cuda-convnet, the 18% network",
    norm="same-map",
    norm_size=3,
    norm_alpha=5e-5,
    norm_k=1.0,
    norm_place="after-pool",
    convs=tuple(replace(conv, norm=conv.name != "conv3") for conv in CIFAR_26.convs),
    hidden=(),
)
