"""timm's classifiers (Apache 2.0; Wightman, PyTorch Image Models): `timm:NAME`, with the extra `timm`."""

import re
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING

from alexnet.errors import BadModel, BadWeights, did_you_mean
from alexnet.models.networks.borrowed.source import Settings, first_line

if TYPE_CHECKING:
    from torch import Tensor, nn

NAME = re.compile(r"[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)?")  # of an architecture and a set of weights; never an address


class Timm:
    """See `source.Source`."""

    title, licence = "timm", "Apache 2.0; weights have licences of their own"

    def check(self, name: str) -> None:
        """Raise BadModel if timm is missing, or, with the nearest name, unless timm has this classifier."""
        timm = _timm(name)
        architecture, _, tag = name.partition(".")
        if not NAME.fullmatch(name) or not timm.is_model(architecture):
            known = sorted(timm.list_models())
            raise BadModel(f"timm has no network called {name[:80]!r}. {_nearest(architecture, known)}")
        tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{architecture}.*")]
        if tag and tag not in tags:
            raise BadModel(f"timm has no weights called {tag!r} for {architecture}. {did_you_mean(tag, tags)}")

    def settings(self, name: str) -> Settings:
        """Those of the weights that the name means."""
        from timm.data import resolve_data_config
        from timm.models import get_pretrained_cfg

        config = get_pretrained_cfg(name)
        found = resolve_data_config(pretrained_cfg=config.to_dict() if config is not None else {})
        size = int(found["input_size"][-1])
        stored = max(size, int(size / float(found["crop_pct"])))
        return Settings(image_size=size, stored_size=stored, mean=tuple(found["mean"]), std=tuple(found["std"]))

    def build(self, name: str, image_size: int) -> "tuple[nn.Module, str]":
        """Untrained, with timm's initial weights; a network that is built for one side of its images is built for this one."""
        timm = _timm(name)
        try:
            network: nn.Module = timm.create_model(name, pretrained=False, img_size=image_size)
        except TypeError:  # it takes images of any size
            network = timm.create_model(name, pretrained=False)
        named = getattr(network, "pretrained_cfg", {}).get("classifier")
        if not isinstance(named, str):
            several = "several layers" if named else "no layer"
            raise BadModel(f"timm's {name} ends in {several} of scores, and only a single one is supported.")
        return network, named

    def weights(self, name: str) -> "Mapping[str, Tensor]":
        """The weights that timm publishes under this name."""
        timm = _timm(name)
        try:
            state: Mapping[str, Tensor] = timm.create_model(name, pretrained=True).state_dict()
        except Exception as error:  # those of several libraries for downloads
            raise BadWeights(
                f"timm's weights for {name} could not be fetched ({first_line(error)}). Use --weights none, for new ones, or connect "
                "to the internet once: timm keeps what it has downloaded."
            ) from None
        return state


def _timm(name: str) -> ModuleType:
    try:
        import timm
    except ImportError:
        raise BadModel(f"timm:{name[:80]} needs timm, which is not installed. Run pip install '.[timm]'.") from None
    found: ModuleType = timm
    return found


def _nearest(name: str, known: list[str]) -> str:
    """timm has more names than a message can hold: only the nearest."""
    guess = did_you_mean(name, known)
    return guess.partition("Known:")[0] + f"It has {len(known):,}; timm.list_models('resnet*') lists some."
