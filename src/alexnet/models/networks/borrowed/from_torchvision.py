"""torchvision's classifiers (BSD): `torchvision:NAME`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alexnet.errors import BadModel, BadWeights, did_you_mean
from alexnet.models.networks.borrowed.source import Settings, first_line, last_weighted

if TYPE_CHECKING:
    from torch import Tensor, nn

WITH_SIDE_OUTPUTS: dict[str, Any] = {"aux_logits": False, "transform_input": True, "init_weights": True}
EXTRA = {"googlenet": WITH_SIDE_OUTPUTS, "inception_v3": WITH_SIDE_OUTPUTS}  # scores alone; their weights expect other pixels


class Torchvision:
    """See `source.Source`."""

    title, licence = "torchvision", "BSD"

    def check(self, name: str) -> None:
        """Raise BadModel, with the nearest name, unless torchvision has this classifier."""
        from torchvision import models

        known = models.list_models(module=models)
        if name not in known:
            raise BadModel(f"torchvision has no classifier called {name[:80]!r}. {did_you_mean(name, known)}")

    def settings(self, name: str) -> Settings:
        """Those of its newest weights."""
        from torchvision.models import get_model_weights

        found = get_model_weights(name).DEFAULT.transforms()
        return Settings(image_size=found.crop_size[0], stored_size=found.resize_size[0], mean=tuple(found.mean), std=tuple(found.std))

    def build(self, name: str, image_size: int) -> "tuple[nn.Module, str]":
        """Untrained, with torchvision's initial weights."""
        from torchvision.models import get_model

        sized: dict[str, Any] = {"image_size": image_size} if name.startswith("vit_") else {}
        sized = {"input_size": (image_size, image_size)} if name.startswith("maxvit_") else sized
        network: nn.Module = get_model(name, weights=None, **EXTRA.get(name, {}), **sized)
        return network, last_weighted(network)

    def weights(self, name: str) -> "Mapping[str, Tensor]":
        """Its newest weights for ImageNet."""
        from torchvision.models import get_model_weights

        chosen = get_model_weights(name).DEFAULT
        try:
            state: Mapping[str, Tensor] = chosen.get_state_dict(progress=False, check_hash=True, weights_only=True)
        except (OSError, RuntimeError) as error:
            raise BadWeights(
                f"torchvision's weights for {name} could not be downloaded ({first_line(error)}). Use --weights none, for new ones, "
                f"or download {chosen.url} on another machine and pass the file to --weights."
            ) from None
        return {name: tensor for name, tensor in state.items() if not name.startswith(("aux", "AuxLogits"))}
