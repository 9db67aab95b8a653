"""What a named recipe depends on."""

from dataclasses import dataclass

from alexnet.data.dataset import Traits
from alexnet.models.networks.architecture import Architecture


@dataclass(frozen=True, slots=True)
class Subject:
    """The network, and properties of its images."""

    data: str
    architecture: Architecture
    traits: Traits
    side: int  # px, median short side of the images
    images: int  # in the whole data set
