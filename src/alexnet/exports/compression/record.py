"""What compression did: its steps with sizes and accuracies, what is left of each layer, and the test."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A state of the model. bytes: of its weights; times: how much smaller than the first; accuracy: on all validation images."""

    step: str
    bytes: int
    times: float
    accuracy: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CompressedLayer:
    """What became of a layer's weights. bits: of a surviving weight's number and of its gap, by their entropy."""

    layer: str
    weights: int
    kept: float
    values: int
    bits: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Tested:
    """The test images, read once, after the file was accepted: accuracy of the run and of the file, and the 95% interval of the loss."""

    images: int
    accuracy_before: float
    accuracy_after: float
    interval: tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Compressed:
    """What `--compress` has done. steps: sizes and accuracies; layers: what is left of each; test: None without test images."""

    steps: tuple[Step, ...]
    layers: tuple[CompressedLayer, ...]
    test: Tested | None
