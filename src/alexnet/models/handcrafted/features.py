"""The module that computes the feature vectors of images, built from a FeatureConfig and fitted dictionaries of tensors.

A dictionary holds what encodes one kind of descriptor: `projection`, `offset`, `weights`, `means`, `variances` of a Fisher vector, the
`vocabulary` of a bag of words, or the weights of a pretrained network. Independent of how dictionaries are fitted.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from alexnet.errors import BadModel
from alexnet.models.handcrafted.bag_of_words import DenseWords, ScatteredWords
from alexnet.models.handcrafted.colour import LocalColour
from alexnet.models.handcrafted.fisher import FisherVector
from alexnet.models.handcrafted.hog import HOG
from alexnet.models.handcrafted.keypoints import SURF, SparseSIFT
from alexnet.models.handcrafted.pretrained import PretrainedFeatures
from alexnet.models.handcrafted.raw_pixels import Pixels
from alexnet.models.handcrafted.sift import DenseSIFT
from alexnet.models.handcrafted.spatial_pyramid import Cells
from alexnet.models.handcrafted.systems import PRETRAINED, FeatureConfig

Dictionary = Mapping[str, Tensor]


class Features(Protocol):
    """Any module that computes one feature vector per image."""

    @property
    def dimensions(self) -> int:
        """The length of one image's vector."""

    def __call__(self, images: Tensor, /) -> Tensor:
        """uint8 (N, 3, S, S) -> float32 (N, dimensions)."""
        ...


class Description(nn.Module):
    """One kind of descriptor at one or several scales: uint8 images -> (N, P, d).

    mirror: the mirror image is described as well, at the same positions, so that an image and its mirror image have the same encoding.
    """

    def __init__(self, scales: Sequence[DenseSIFT | LocalColour], *, mirror: bool = False) -> None:
        super().__init__()
        self.mirror = mirror
        self.scales = nn.ModuleList(scales)
        self.dimensions = scales[0].dimensions
        times = 2 if mirror else 1
        self.macs = times * sum(scale.macs for scale in scales)
        self.centres: Tensor
        self.register_buffer("centres", torch.cat([scale.centres for scale in scales] * times), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        described = self._described(images)
        return torch.cat([described, self._described(images.flip(-1))], dim=1) if self.mirror else described

    def _described(self, images: Tensor) -> Tensor:
        first, *_ = scales = cast(Sequence[DenseSIFT | LocalColour], self.scales)
        maps = first.maps(images)  # smoothed once for all scales
        return torch.cat([scale.describe(maps) for scale in scales], dim=1)


class DenseFeatures(nn.Module):
    """Encoded descriptors on a grid; several kinds are concatenated, each with the same weight."""

    def __init__(self, descriptions: Sequence[Description], encoders: Sequence[FisherVector | DenseWords]) -> None:
        super().__init__()
        self.descriptions, self.encoders = nn.ModuleList(descriptions), nn.ModuleList(encoders)
        self.dimensions = sum(encoder.dimensions for encoder in encoders)
        self.macs = sum(part.macs for part in (*descriptions, *encoders))

    def forward(self, images: Tensor) -> Tensor:
        pairs = zip(self.descriptions, self.encoders, strict=True)
        return torch.cat([encoder(description(images)) for description, encoder in pairs], dim=1)


class ScatteredFeatures(nn.Module):
    """Descriptors at interest points, as a bag of words."""

    def __init__(self, detector: SparseSIFT | SURF, encoder: ScatteredWords) -> None:
        super().__init__()
        self.detector, self.encoder = detector, encoder
        self.dimensions, self.macs = encoder.dimensions, encoder.macs

    def forward(self, images: Tensor) -> Tensor:
        vectors: Tensor = self.encoder(*self.detector(images), len(images))
        return vectors


def descriptions_of(config: FeatureConfig, image_size: int) -> list[Description]:
    """The dense descriptors that a configuration encodes, one entry per kind; raises ImageSizeTooSmall with the arithmetic."""
    sift = [
        DenseSIFT(image_size, bin_size=size, step=config.step, smoothing=config.smoothing, root=config.encoding == "fisher")
        for size in config.bin_sizes
    ]
    colour = [LocalColour(image_size, bin_size=max(config.bin_sizes), step=config.step)] if config.colour else []
    return [Description(scales, mirror=config.mirror) for scales in (sift, colour) if scales]


def detector_of(config: FeatureConfig) -> SparseSIFT | SURF:
    """The detector of interest points; raises BadModel, with the extra to install, if its library is missing."""
    return SparseSIFT() if config.descriptor == "sparse-sift" else SURF()


def dictionaries_needed(config: FeatureConfig) -> int:
    """The number of dictionaries: one per kind of descriptor that is encoded, and the weights of a pretrained network."""
    if config.is_pretrained:
        return 1
    if config.encoding == "none":
        return 0
    return 2 if config.colour and config.descriptor == "sift" else 1


def build_features(config: FeatureConfig, image_size: int, dictionaries: Sequence[Dictionary]) -> nn.Module:
    """The module for a configuration; raises BadModel for impossible combinations, and for dictionaries that do not fit."""
    check_features(config)
    if config.descriptor == "pixels":
        return Pixels(image_size)
    if config.descriptor == "hog":
        return HOG(image_size, cell=config.cell, orientations=config.orientations)
    if len(dictionaries) != dictionaries_needed(config):
        raise BadModel(f"These features need {dictionaries_needed(config)} dictionaries, but the model has {len(dictionaries)}.")
    if config.is_pretrained:
        return PretrainedFeatures(dictionaries[0], image_size, root=config.root)
    if config.descriptor != "sift":
        detector = detector_of(config)
        return ScatteredFeatures(detector, ScatteredWords(_vocabulary(dictionaries[0], detector.dimensions), config.pyramid))
    descriptions = descriptions_of(config, image_size)
    pairs = zip(descriptions, dictionaries, strict=True)
    return DenseFeatures(descriptions, [_encoder(config, description, dictionary) for description, dictionary in pairs])


def check_features(config: FeatureConfig) -> None:
    """Raise BadModel for a descriptor and an encoding that do not go together."""
    whole, points = config.descriptor in ("pixels", "hog", *PRETRAINED), config.descriptor in ("sparse-sift", "surf")
    if whole and config.encoding != "none":
        raise BadModel(
            f"features.descriptor '{config.descriptor}' describes whole pictures and takes no encoding; set features.encoding none."
        )
    if not whole and config.encoding == "none":
        encodings = "words" if points else "words or fisher"
        raise BadModel(f"features.descriptor '{config.descriptor}' computes many vectors per picture; set features.encoding {encodings}.")
    if points and config.encoding == "fisher":
        raise BadModel(f"features.descriptor '{config.descriptor}' can be encoded as words only; set features.encoding words.")


def _encoder(config: FeatureConfig, description: Description, dictionary: Dictionary) -> FisherVector | DenseWords:
    cells = Cells(description.centres, config.pyramid)
    if config.encoding == "words":
        return DenseWords(_vocabulary(dictionary, description.dimensions), cells)
    names = ("projection", "offset", "weights", "means", "variances")
    if not all(name in dictionary for name in names):
        raise BadModel(f"A Fisher vector needs {', '.join(names)}; the model has {', '.join(sorted(dictionary)) or 'none of them'}.")
    components, gaussians = dictionary["offset"].numel(), dictionary["weights"].numel()
    shapes = ((description.dimensions, components), (components,), (gaussians,), (gaussians, components), (gaussians, components))
    _check_shapes(dictionary, dict(zip(names, shapes, strict=True)))
    return FisherVector(**{name: dictionary[name] for name in names}, cells=cells)


def _vocabulary(dictionary: Dictionary, dimensions: int) -> Tensor:
    vocabulary = dictionary.get("vocabulary")
    if vocabulary is None:
        raise BadModel("A bag of words needs a vocabulary, but the model has none.")
    _check_shapes(dictionary, {"vocabulary": (*vocabulary.shape[:1], dimensions)})
    return vocabulary


def _check_shapes(dictionary: Dictionary, shapes: Mapping[str, tuple[int, ...]]) -> None:
    for name, shape in shapes.items():
        if tuple(dictionary[name].shape) != shape:
            raise BadModel(f"{name} has shape {tuple(dictionary[name].shape)}; these features need {shape}.")
