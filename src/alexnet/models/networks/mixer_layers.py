"""The layers of MLP-Mixer (Tolstikhin et al. 2021, section 2); its table is in `mlp_mixer`.

The paper's table X has a row per patch and a column per channel. Between layers it is kept as maps, one position per patch.
"""

from torch import Tensor, nn

from alexnet.models.networks.architecture import Architecture


class Perceptron(nn.Sequential):
    """W2 GELU(W1 x) over the last dimension; initial weights N(0, 1/inputs) and biases of 0, as in the authors' library."""

    def __init__(self, units: int, hidden: int) -> None:
        super().__init__(nn.Linear(units, hidden), nn.GELU(), nn.Linear(hidden, units))
        for part in (self[0], self[2]):
            if isinstance(part, nn.Linear) and not part.weight.is_meta:
                nn.init.normal_(part.weight, 0.0, part.in_features**-0.5)
                nn.init.zeros_(part.bias)


class MixerLayer(nn.Module):
    """Mix patches, then channels, each with a shortcut (equation 1): (N, C, h, w) -> the same shape."""

    def __init__(self, positions: int, channels: int, patch_units: int, channel_units: int) -> None:
        super().__init__()
        self.before_patches, self.over_patches = nn.LayerNorm(channels), Perceptron(positions, patch_units)
        self.before_channels, self.over_channels = nn.LayerNorm(channels), Perceptron(channels, channel_units)

    def forward(self, maps: Tensor) -> Tensor:
        table = maps.flatten(2).transpose(1, 2)  # (N, patches, C)
        table = table + self.over_patches(self.before_patches(table).transpose(1, 2)).transpose(1, 2)
        table = table + self.over_channels(self.before_channels(table))
        mixed: Tensor = table.transpose(1, 2).unflatten(2, maps.shape[2:])
        return mixed


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels at each position of maps (N, C, h, w)."""

    def forward(self, maps: Tensor) -> Tensor:
        normed: Tensor = super().forward(maps.permute(0, 2, 3, 1))
        return normed.permute(0, 3, 1, 2)


def mixing_modules(architecture: Architecture, channels: int, side: int) -> list[tuple[str, nn.Module]]:
    """The named modules of a network that mixes: patches as channels, the layers, a last norm. side: patches a side."""
    mixing = architecture.mixing
    assert mixing is not None
    patches = nn.Conv2d(channels, mixing.channels, mixing.patch, mixing.patch)
    layers = [MixerLayer(side**2, mixing.channels, mixing.patch_units, mixing.channel_units) for _ in range(mixing.layers)]
    named = [(f"mixer{number}", layer) for number, layer in enumerate(layers, start=1)]
    return [("patches", patches), *named, ("norm", ChannelNorm(mixing.channels))]
