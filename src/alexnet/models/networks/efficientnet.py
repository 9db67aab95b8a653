"""EfficientNet-Lite0 as a table: seven stages of inverted residual blocks, one row each, between a stem and a head of fixed width.

Source: Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks (ICML 2019, arXiv 1905.11946), table 1. The
Lite form for phones (Google, 2020) has ReLU6 in place of Swish, no squeeze-and-excitation, and a stem and head that are not scaled.
"""

from alexnet.models.networks.architecture import Architecture, Stage

MEAN, STD = 127.0, 128.0  # of pixels from 0 to 255, in each channel, as it was trained
STEM, HEAD = 32, 1_280  # maps
LITE0 = (
    #     MBConv kernel stride channels layers     input
    Stage(1, 3, 1, 16, 1),  # 112 x 112
    Stage(6, 3, 2, 24, 2),  # 112 x 112
    Stage(6, 5, 2, 40, 2),  # 56 x 56
    Stage(6, 3, 2, 80, 3),  # 28 x 28
    Stage(6, 5, 1, 112, 3),  # 14 x 14
    Stage(6, 5, 2, 192, 4),  # 14 x 14
    Stage(6, 3, 1, 320, 1),  # 7 x 7
)
EFFICIENTNET_LITE0 = Architecture(
    name="efficientnet-lite0",
    title="What came after: EfficientNet-Lite0 of 2020, usually with weights from ImageNet",
    source="Tan and Le 2019, arXiv 1905.11946, table 1; the Lite form, Google 2020",
    image_size=224,
    classes=1_000,
    batch_norm=True,
    dropout=0.2,
    dropout_place="before-fc",
    grid=1,
    initialisation="he",
    stem=STEM,
    stages=LITE0,
    head=HEAD,
    convs=(),
    hidden=(),
)
