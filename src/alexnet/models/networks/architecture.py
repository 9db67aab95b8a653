"""A network as data: rows of layers and the choices that the lecture discusses. Independent of tensors.

Every network of the catalogue is one `Architecture`: a table of convolutions, a table of fully connected layers, and
fields whose defaults are the 2012 network's. An ablation is another value in a field.
"""

from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

from alexnet.errors import BadModel
from alexnet.models.networks.choice_limits import check_number
from alexnet.storage.records import field_types, shown

Activation = Literal["relu", "tanh", "sigmoid", "gelu"]
MONOTONIC: tuple[Activation, ...] = ("relu", "tanh", "sigmoid")  # a GELU falls before it rises
Pooling = Literal["max", "average", "max+average", "strided-convolution"]
Norm = Literal["none", "within-towers", "across-towers", "same-map"]
NormPlace = Literal["before-pool", "after-pool", "before-activation"]
BatchNormPlace = Literal["before-activation", "after-activation"]
DropoutPlace = Literal["after-fc", "before-fc", "convolutions"]
Initialisation = Literal["table", "he", "xavier", "pytorch", "program-2012", "images", "dirac"]
FORMER_INITIALISATIONS: dict[str, Initialisation] = {"pictures": "images"}

OF_FIRST_LAYER = ("first_kernel", "first_stride", "first_padding", "first_channels")
OF_LAYERS = ("activation", "pool_kernel", "norm_place", "norm_alpha", "norm_k", "dropout_place", "hidden_units")  # that blocks fix
OF_CONVOLUTIONS = ("pooling", "pool_after", "batch_norm", "batch_norm_place", "convolutions_3x3", "towers", "towers_talk", *OF_FIRST_LAYER)


@dataclass(frozen=True, slots=True)
class Conv:
    """One convolution and what follows it: a pooling if `pool` is not None, a normalisation if `norm` is true."""

    name: str
    channels: int
    kernel: int  # pixels
    stride: int  # pixels
    padding: int  # pixels
    towers: int  # groups without connections to each other's maps
    norm: bool
    pool: Pooling | None
    bias: float = 0.0  # initial value
    std: float = 0.01  # standard deviation of the initial weights
    shared: bool = True  # False: connected like a convolution, with separate weights at each position ("local")
    whitens: bool = False  # its weights are the principal patches of the training images, and are frozen
    batch_norm: bool = True  # False: none after this one, in an architecture with batch norm


@dataclass(frozen=True, slots=True)
class Stage:
    """One row of a table of inverted residual blocks: `layers` blocks of MBConv`expansion`, the first of which has the stride."""

    expansion: int  # of the maps inside a block
    kernel: int  # pixels
    stride: int  # pixels
    channels: int
    layers: int


@dataclass(frozen=True, slots=True)
class Mixing:
    """Layers that mix patches and channels in turn (MLP-Mixer); the paper's P, C, D_S, D_C and number of layers."""

    patch: int  # pixels, side of a patch
    channels: int  # of a patch
    patch_units: int  # of the hidden layer over patches
    channel_units: int  # of the hidden layer over channels
    layers: int


@dataclass(frozen=True, slots=True)
class Full:
    """One hidden fully connected layer."""

    name: str
    units: int
    bias: float = 1.0
    std: float = 0.01


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """A network whose number of classes, channels and image size are not yet chosen."""

    name: str
    title: str  # one line for lists
    source: str  # where the table comes from
    convs: tuple[Conv, ...]
    hidden: tuple[Full, ...]
    image_size: int  # pixels; the size that it was designed for
    channels: int = 3  # that it was designed for
    classes: int = 1000  # that it was designed for
    window_hangs_over: bool = False  # the 2012 program: positions are rounded up, with zeros right and below
    canvas: int = 0  # smaller images are padded with zeros on all sides to this size (LeNet: 28 to 32)
    activation: Activation = "relu"
    pool_kernel: int = 3
    pool_stride: int = 2
    pool_ceil: bool = False  # round the number of pooling windows up, as cuda-convnet does
    norm: Norm = "none"
    norm_place: NormPlace = "before-pool"
    norm_size: int = 5  # neighbouring maps (or, same-map, the side of the window)
    norm_alpha: float = 1e-4  # divided by the number of neighbours, as in the 2012 program
    norm_beta: float = 0.75
    norm_k: float = 2.0
    batch_norm: bool = False  # after each convolution and its pooling (from 2015)
    batch_norm_place: BatchNormPlace = "before-activation"
    whitening_epsilon: float = 0.05  # added to the variance of each direction, so that weak ones are not amplified too much
    towers: int = 1  # groups of maps for the norm "within-towers"
    towers_talk: bool = True  # False: conv3 too sees the maps of its own tower only
    dropout: float = 0.0
    dropout_place: DropoutPlace = "after-fc"
    grid: int = 0  # > 0: pool the maps to this side before the fully connected layers (torchvision: average to 6)
    grid_pooling: Literal["average", "max"] = "average"
    output_std: float = 0.01
    initialisation: Initialisation = "table"
    stem: int = 0  # maps of the 3x3 convolution, with stride 2, before the stages
    stages: tuple[Stage, ...] = ()  # of inverted residual blocks, in place of `convs`
    head: int = 0  # maps of the 1x1 convolution after them
    mixing: Mixing | None = None  # in place of `convs`
    numbered: bool = False  # layers are named by position (as in torchvision's state dict) instead of as in the paper
    borrowed: bool = False  # another library builds everything below the last layer, in place of a table

    @property
    def blocks(self) -> bool:
        """Whether its features are blocks in place of single convolutions."""
        return bool(self.stages) or self.mixing is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkChoices:
    """What a user or a study changes in a table; None keeps the table's value."""

    activation: Activation | None = None
    pooling: Pooling | None = None  # the kind of all the table's poolings
    pool_kernel: int | None = None  # 3 with stride 2 overlaps, 2 does not
    pool_after: str | None = None  # names of convolutions: "conv1,conv2,conv5"
    norm: Norm | None = None
    norm_place: NormPlace | None = None
    norm_alpha: float | None = None  # 0 leaves only the norm's fixed factor k^-beta
    norm_k: float | None = None  # Caffe's is 1
    batch_norm: bool | None = None  # after each convolution and its pooling
    batch_norm_place: BatchNormPlace | None = None
    dropout: float | None = None
    dropout_place: DropoutPlace | None = None
    fully_connected: int | None = None  # hidden fully connected layers
    hidden_units: int | None = None
    convolutions_3x3: int | None = None  # number of 3x3 convolutions after the first two
    towers: int | None = None
    towers_talk: bool | None = None
    first_kernel: int | None = None
    first_stride: int | None = None
    first_padding: int | None = None
    first_channels: int | None = None
    initialisation: Initialisation | None = None
    width: float | None = None  # multiplies every layer's channels and units

    def __post_init__(self) -> None:
        if self.initialisation in FORMER_INITIALISATIONS:  # as earlier versions wrote it into recipes and model cards
            object.__setattr__(self, "initialisation", FORMER_INITIALISATIONS[self.initialisation])


def vary(architecture: Architecture, choices: NetworkChoices) -> Architecture:
    """The table with the chosen fields changed; raises BadModel for a value that is impossible for this table."""
    _check(choices)
    _check_norm(architecture, choices)
    same_name = {f.name for f in fields(choices)} & {f.name for f in fields(architecture)}
    plain = {name: value for name in same_name if (value := getattr(choices, name)) is not None}
    convs = _vary_convs(architecture, choices)
    varied = replace(architecture, **plain, convs=convs, hidden=_vary_hidden(architecture, choices, first=len(convs) + 1))
    if choices.width is not None:
        varied = _widened(varied, choices.width)
    _check_towers(varied)
    return varied


def _check_norm(architecture: Architecture, choices: NetworkChoices) -> None:
    if choices.norm not in (None, "none") and not any(conv.norm for conv in architecture.convs):
        raise BadModel(f"network.norm is '{choices.norm}', but no layer of {architecture.name} is normalised; leave it out.")


def _check(choices: NetworkChoices) -> None:
    for name, kind in field_types(NetworkChoices).items():
        value = getattr(choices, name)
        if value is None:
            continue
        allowed = [choice for part in get_args(kind) for choice in get_args(part)]
        if allowed and value not in allowed:
            raise BadModel(f"network.{name} is {shown(value)}; it can be {', '.join(map(repr, allowed))}.")
        if isinstance(value, (int, float)):
            check_number(name, value)
    if choices.dropout is not None and choices.dropout >= 1:
        raise BadModel(f"network.dropout is {choices.dropout}; it is the share of units that are dropped, from 0 to below 1.")


def _vary_convs(architecture: Architecture, choices: NetworkChoices) -> tuple[Conv, ...]:
    convs = list(architecture.convs)
    if not convs:
        _refuse_fixed(architecture, choices)
        _refuse_windows(architecture, choices)
        return ()
    convs[0] = _with_first_layer(convs[0], choices)
    if choices.convolutions_3x3 is not None:
        convs = _with_depth(architecture, convs, choices.convolutions_3x3)
    if choices.towers is not None:
        if choices.towers > architecture.towers:
            raise BadModel(
                f"network.towers is {choices.towers}, but {architecture.name} has {architecture.towers}; towers can only be joined."
            )
        convs = [replace(conv, towers=min(conv.towers, choices.towers)) for conv in convs]
    if choices.towers_talk is False:
        towers = architecture.towers if choices.towers is None else choices.towers
        convs = [convs[0], *(replace(conv, towers=towers) for conv in convs[1:])]
    if choices.pool_after is not None:
        convs = _with_pools_after(convs, choices.pool_after)
    if choices.pooling is not None:
        convs = [replace(conv, pool=choices.pooling if conv.pool else None) for conv in convs]
    return tuple(convs)


def _refuse_windows(architecture: Architecture, choices: NetworkChoices) -> None:
    """Raise BadModel if a choice is about convolutions, for a network that has none."""
    chosen = [name for name in OF_CONVOLUTIONS if getattr(choices, name) is not None]
    if chosen:
        has = "no table of single convolutions" if architecture.blocks else "no convolutions"
        raise BadModel(f"{architecture.name} has {has}; network.{chosen[0]} does not apply to it.")


def _refuse_fixed(architecture: Architecture, choices: NetworkChoices) -> None:
    """Raise BadModel if a choice is about what the blocks of a network with stages fix, or for any in a network of another library."""
    fixed = [choice.name for choice in fields(choices)] if architecture.borrowed else OF_LAYERS if architecture.blocks else ()
    chosen = [name for name in fixed if getattr(choices, name) is not None]
    if chosen:
        why = "taken as its library builds it" if architecture.borrowed else "made of blocks that fix it"
        raise BadModel(f"{architecture.name} is {why}; network.{chosen[0]} does not apply to it.")


def _with_first_layer(conv: Conv, choices: NetworkChoices) -> Conv:
    kernel = conv.kernel if choices.first_kernel is None else choices.first_kernel
    stride = conv.stride if choices.first_stride is None else choices.first_stride
    padding = conv.padding if choices.first_padding is None else choices.first_padding
    channels = conv.channels if choices.first_channels is None else choices.first_channels
    return replace(conv, kernel=kernel, stride=stride, padding=padding, channels=channels)


def _with_depth(architecture: Architecture, convs: list[Conv], count: int) -> list[Conv]:
    """Keep the first two rows and the last 3x3 row, which has the pool; drop or repeat the rows between."""
    head, tail = convs[:2], convs[2:]
    if not tail:
        raise BadModel(f"{architecture.name} has no 3x3 convolutions after the second; network.convolutions_3x3 does not apply to it.")
    if count == 0:
        return [head[0], replace(head[1], pool=head[1].pool or tail[-1].pool)]
    middle = tail[:-1] or tail
    rows = [middle[min(row, len(middle) - 1)] for row in range(count - 1)] + [tail[-1]]
    return [*head, *(replace(row, name=f"conv{3 + index}") for index, row in enumerate(rows))]


def _with_pools_after(convs: list[Conv], names: str) -> list[Conv]:
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = sorted(set(wanted) - {conv.name for conv in convs})
    if unknown:
        raise BadModel(f"network.pool_after has {', '.join(unknown)[:80]}, but the layers are {', '.join(conv.name for conv in convs)}.")
    kind: Pooling = next((conv.pool for conv in convs if conv.pool), "max")
    return [replace(conv, pool=kind if conv.name in wanted else None) for conv in convs]


def _vary_hidden(architecture: Architecture, choices: NetworkChoices, first: int) -> tuple[Full, ...]:
    """The hidden layers, numbered from `first`: the number of convolutions before them may have changed."""
    hidden = architecture.hidden
    if choices.fully_connected is not None:
        pattern = hidden or (Full("fc", 4096),)
        hidden = tuple(pattern[min(i, len(pattern) - 1)] for i in range(choices.fully_connected))
    if choices.hidden_units is not None:
        hidden = tuple(replace(full, units=choices.hidden_units) for full in hidden)
    return tuple(replace(full, name=f"fc{first + i}") for i, full in enumerate(hidden))


def _widened(architecture: Architecture, factor: float) -> Architecture:
    step = 2 * architecture.towers  # so that the towers can share the maps equally
    if factor <= 0:
        raise BadModel(f"network.width is {factor}; it multiplies the maps and must be above 0.")
    convs = tuple(replace(conv, channels=max(step, round(conv.channels * factor / step) * step)) for conv in architecture.convs)
    hidden = tuple(replace(full, units=max(1, round(full.units * factor))) for full in architecture.hidden)
    stages = tuple(replace(stage, channels=_by_eights(stage.channels, factor)) for stage in architecture.stages)
    stem, head = (_by_eights(maps, factor) if maps else 0 for maps in (architecture.stem, architecture.head))
    mixing = architecture.mixing and _wider(architecture.mixing, factor)
    return replace(architecture, convs=convs, hidden=hidden, stages=stages, stem=stem, head=head, mixing=mixing)


def _wider(mixing: Mixing, factor: float) -> Mixing:
    return replace(mixing, **{name: max(1, round(getattr(mixing, name) * factor)) for name in ("channels", "patch_units", "channel_units")})


def _by_eights(channels: int, factor: float) -> int:
    """Channels times a factor, as a multiple of 8, as the paper scales them."""
    return max(8, round(channels * factor / 8) * 8)


def _check_towers(architecture: Architecture) -> None:
    for conv in architecture.convs:
        if conv.towers < 1 or conv.channels % conv.towers:
            raise BadModel(f"{conv.name} has {conv.channels} maps, which {conv.towers} towers cannot share equally.")
