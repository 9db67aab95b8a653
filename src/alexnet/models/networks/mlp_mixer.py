"""MLP-Mixer as a table: perceptrons over patches and over channels in turn, and nothing else (the audience: will MLPs come back).

Source: Tolstikhin et al., MLP-Mixer: An all-MLP Architecture for Vision (arXiv 2105.01601), table 1. The paper's smallest network, S/16,
has patches of 16 px, 512 channels, 256 and 2,048 hidden units in 8 layers; this one is for images of 32 px, with patches of 4 px and a
quarter of the channels and units.
"""

from alexnet.models.networks.architecture import Architecture, Mixing

MLP_MIXER = Architecture(
    name="mlp-mixer",
    title="What came after: MLP-Mixer of 2021, perceptrons over patches and over channels, no convolution",
    source="Tolstikhin et al. 2021, arXiv 2105.01601, table 1, a quarter of S/16 with patches of 4 px",
    image_size=32,
    canvas=32,  # smaller images fill the last patches with zeros
    classes=10,
    activation="gelu",
    grid=1,
    initialisation="he",
    mixing=Mixing(patch=4, channels=128, patch_units=64, channel_units=512, layers=8),
    convs=(),
    hidden=(),
)
