"""The libraries of networks, one row each, and their classifiers as an `Architecture`. To add a library, write its file and a row."""

from functools import lru_cache

from alexnet.errors import BadModel
from alexnet.models.networks.architecture import Architecture
from alexnet.models.networks.borrowed.from_timm import Timm
from alexnet.models.networks.borrowed.from_torchvision import Torchvision
from alexnet.models.networks.borrowed.source import Settings, Source

SOURCES: dict[str, Source] = {"timm": Timm(), "torchvision": Torchvision()}


def is_borrowed(name: object) -> bool:
    """Whether a model's name begins with that of a library and a colon."""
    return isinstance(name, str) and name.partition(":")[0] in SOURCES and ":" in name


def source_of(name: str) -> tuple[Source, str]:
    """The library and the library's own name of a network."""
    library, _, own = name.partition(":")
    return SOURCES[library], own


@lru_cache(maxsize=64)
def borrowed_architecture(name: str) -> Architecture:
    """The network as a table without rows, whose layers its library builds; raises BadModel with the nearest name, or the extra."""
    source, own = source_of(name)
    source.check(own)
    settings = source.settings(own)
    return Architecture(
        name=name,
        title=f"{own}, as {source.title} builds it",
        source=f"{source.title} ({source.licence})",
        borrowed=True,
        image_size=settings.image_size,
        convs=(),
        hidden=(),
    )


def settings_of(architecture: Architecture) -> Settings:
    """How the library feeds it; raises BadModel for a network of our own."""
    if not architecture.borrowed:
        raise BadModel(f"{architecture.name} is not from another library.")
    source, own = source_of(architecture.name)
    return source.settings(own)
