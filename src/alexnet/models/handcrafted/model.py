"""A hand-crafted system as an ImageModel: features and a machine, and the tensors that are saved."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from alexnet.errors import BadModel
from alexnet.models.handcrafted.features import Dictionary, build_features, dictionaries_needed
from alexnet.models.handcrafted.svm import machine_from, operations
from alexnet.models.handcrafted.systems import FeatureConfig
from alexnet.models.image_model import ImageModel
from alexnet.runtime.thread_pool import map_in_order

PIXELS_AT_ONCE = 32_768  # so that the descriptors of a few images stay in the CPU's cache, and memory stays small
NETWORK_IMAGES = 16
DICTIONARY, MACHINE = "dictionary.", "machine."


def images_at_once(config: FeatureConfig, image_size: int) -> int:
    """How many images are described together: a network's layers are long products, and few images leave them short."""
    return NETWORK_IMAGES if config.is_pretrained else max(1, PIXELS_AT_ONCE // image_size**2)


class HandcraftedModel(ImageModel):
    """uint8 images -> features -> machine -> scores. Always in full precision: half precision blurs distances and margins."""

    def __init__(
        self, config: FeatureConfig, dictionaries: Sequence[Dictionary], machine: nn.Module, *, image_size: int, classes: int
    ) -> None:
        super().__init__()
        self.config, self.dictionaries = config, tuple(dictionaries)
        self.features, self.machine = build_features(config, image_size, dictionaries), machine
        self.image_size, self.classes = image_size, classes

    def forward(self, images: Tensor) -> Tensor:
        return self._in_parts(images, lambda part: self.scores_of(self.features(part)))

    def hidden(self, images: Tensor) -> Tensor:
        """The features, which the machine classifies."""
        return self._in_parts(images, self.features)

    def scores_of(self, hidden: Tensor) -> Tensor:
        scores: Tensor = self.machine(hidden)
        return scores

    def _in_parts(self, images: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
        count = images_at_once(self.config, self.image_size)
        parts = images.split(count)
        threads = torch.get_num_threads() if images.device.type == "cpu" and len(parts) > 1 else 1
        work = partial(_computed, compute, inference=torch.is_inference_mode_enabled())
        return torch.cat(list(map_in_order(work, parts, threads=threads if threads > 1 else 0)))

    def learned(self) -> dict[str, Tensor]:
        """All fitted tensors, with the names that `rebuild` expects."""
        found = {f"{DICTIONARY}{i}.{name}": value for i, one in enumerate(self.dictionaries) for name, value in one.items()}
        return found | {MACHINE + name: value for name, value in self.machine.state_dict().items()}

    @property
    def parameters_fitted(self) -> int:
        """The number of fitted parameters: dictionaries and machine."""
        return sum(value.numel() for value in self.learned().values())

    @property
    def macs(self) -> int:
        """Multiply-accumulates per image: pooling, encoding, machine."""
        return int(getattr(self.features, "macs", 0)) + operations(self.machine)


def _computed(compute: Callable[[Tensor], Tensor], images: Tensor, *, inference: bool) -> Tensor:
    """A part of a batch, on one of several threads: faster on a CPU than several threads on one part.

    inference: whether the caller is in inference mode, which a thread does not inherit.
    """
    with torch.inference_mode(inference), torch.autocast(images.device.type, enabled=False):
        return compute(images)


def rebuild(
    config: FeatureConfig, machine: Mapping[str, Any], tensors: Mapping[str, Tensor], *, image_size: int, classes: int
) -> HandcraftedModel:
    """The model from its saved `learned()` tensors and machine's spec; raises BadModel if they do not fit together."""
    dictionaries = [_under(tensors, f"{DICTIONARY}{i}.") for i in range(dictionaries_needed(config))]
    rebuilt = machine_from(_under(tensors, MACHINE), machine)
    model = HandcraftedModel(config, dictionaries, rebuilt, image_size=image_size, classes=classes)
    blank = torch.zeros(1, 3, image_size, image_size, dtype=torch.uint8)
    try:
        scores = model(blank).shape
    except RuntimeError as error:
        raise BadModel(f"The machine does not fit the features: {str(error).splitlines()[0]}.") from None
    if tuple(scores) != (1, classes):
        raise BadModel(f"The machine computes {scores[-1]} scores, but the model has {classes} classes.")
    return model


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
