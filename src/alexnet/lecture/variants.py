"""The variants of AlexNet, difference by difference. To add a difference, add a row to DIFFERENCES.

A cell is the key of a message in `messages/variants.toml`; its {fields} are computed from the variant's network, so a changed table changes
the text. Facts that our tables do not hold (the programs' augmentation, rates, fillers) come from the sources listed in VARIANTS.
Independent of the terminal and of pages.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from alexnet.i18n.translate import Lang, say
from alexnet.models.networks.alexnet import ALEXNET_2012, ALEXNET_D2L, ALEXNET_OWT
from alexnet.models.networks.architecture import Architecture, Conv, Full
from alexnet.models.networks.shapes import Layer, trace


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """One variant of AlexNet, at the size it was designed for."""

    name: str  # its column in DIFFERENCES, its message, its key in JSON
    network: Architecture
    source: str
    image_size: int = 224  # pixels
    channels: int = 3
    classes: int = 1000

    def layers(self) -> tuple[Layer, ...]:
        """The layer table of its network."""
        return trace(self.network, classes=self.classes, channels=self.channels, image_size=self.image_size)


VARIANTS: tuple[Variant, ...] = (
    Variant(name="paper", network=ALEXNET_2012, source="Krizhevsky, Sutskever, Hinton 2012"),
    Variant(name="program", network=ALEXNET_2012, source="the authors' source as released: layers-145.cfg, layer-params-145.cfg"),
    Variant(
        name="caffe",
        network=ALEXNET_2012,
        source="BVLC Caffe: bvlc_alexnet and bvlc_reference_caffenet, train_val.prototxt and readme",
        image_size=227,
    ),
    Variant(name="owt", network=ALEXNET_OWT, source="arXiv 1404.5997; cuda-convnet2, layers-223-1gpu.cfg; torchvision"),
    Variant(name="d2l", network=ALEXNET_D2L, source="Dive into Deep Learning, section 8.1 (PyTorch)", channels=1, classes=10),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One property in which the variants differ: the key of its message, then one key per variant."""

    name: str
    paper: str
    program: str
    caffe: str
    owt: str
    d2l: str


DIFFERENCES: tuple[Difference, ...] = (
    #          difference           paper                program                caffe               owt                 d2l
    Difference("input", "input_printed", "input_hangs_over", "input_crop", "input_padded", "input_gray"),
    Difference("first_layer", "first", "first", "first", "first", "first"),
    Difference("maps", "all_maps", "all_maps", "all_maps", "all_maps", "all_maps"),
    Difference("towers", "two_cards", "two_cards", "one_card_groups", "one_tower", "one_tower"),
    Difference("norm_place", "norm_paper", "norm_program", "norm_caffe", "norm_owt", "no_norm"),
    Difference("norm_alpha", "alpha_printed", "alpha_divided", "alpha_caffe", "alpha_owt", "no_norm"),
    Difference("norm_towers", "not_said", "norm_within", "norm_across", "norm_one_tower", "no_norm"),
    Difference("pooling", "pool_not_said", "pool_ceil", "pool_ceil", "pool_owt", "pool_floor"),
    Difference("dropout_place", "drop_after", "drop_after", "drop_after", "drop_owt", "drop_after"),
    Difference("dropout_scale", "scale_test", "scale_test", "scale_training", "scale_owt", "scale_training"),
    Difference("weights", "normal", "normal_program", "normal_caffe", "weights_owt", "xavier"),
    Difference("biases", "biases_ones", "biases_ones", "biases_caffe", "biases_owt", "biases_uniform"),
    Difference("bias_training", "not_said", "bias_twice", "bias_caffe", "bias_owt", "bias_plain"),
    Difference("mean", "mean_pixel", "mean_picture", "mean_caffe", "mean_owt", "mean_none"),
    Difference("augmentation", "crops", "crops_program", "crops_caffe", "crops_owt", "no_augmentation"),
    Difference("colour_noise", "pca", "pca_program", "no_pca", "pca_owt", "no_pca"),
    Difference("test_views", "ten_views", "ten_views_program", "centre_caffe", "centre_owt", "whole_picture"),
    Difference("parameters", "count_parameters", "count_parameters", "count_parameters", "count_parameters", "count_parameters"),
    Difference("macs", "count_macs", "count_macs", "count_macs", "count_macs", "count_macs"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedVariants:
    """One difference as text: one text per variant, in the same order."""

    name: str
    title: str
    variants: tuple[str, ...]
    texts: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """One object of the list "variants" of `alexnet summary --variants --json`."""
        return {"name": self.name, "title": self.title} | dict(zip(self.variants, self.texts, strict=True))


def compare_variants(lang: Lang, variants: tuple[Variant, ...] = VARIANTS) -> tuple[ComparedVariants, ...]:
    """Every difference, in the order of DIFFERENCES."""
    counted = {variant.name: figures(variant) for variant in variants}
    return tuple(
        ComparedVariants(
            name=row.name,
            title=say(f"variants.{row.name}", lang),
            variants=tuple(counted),
            texts=tuple(say(f"variants.{getattr(row, name)}", lang, **values) for name, values in counted.items()),
        )
        for row in DIFFERENCES
    )


def variants_title(lang: Lang) -> str:
    """The heading of the differences."""
    return say("variants.heading", lang)


def variant_lines(compared: tuple[ComparedVariants, ...], lang: Lang) -> list[tuple[str, str, str]]:
    """(property, variants, text): adjacent variants with the same text share a line, and only a property's first line has its title."""
    lines = []
    for row in compared:
        pairs = zip(row.variants, row.texts, strict=True)
        groups = [(text, [name for name, _ in same]) for text, same in groupby(pairs, key=lambda pair: pair[1])]
        for number, (text, names) in enumerate(groups):
            lines.append((row.title if number == 0 else "", _named(names, lang), text))
    return lines


def source_lines(lang: Lang, variants: tuple[Variant, ...] = VARIANTS) -> list[str]:
    """The source of each variant."""
    return [f"{say(f'variants.{variant.name}', lang)}: {variant.source}" for variant in variants]


def _named(names: list[str], lang: Lang) -> str:
    if len(names) == len(VARIANTS):
        return say("variants.all_variants", lang)
    return say("variants.comma", lang).join(say(f"variants.{name}", lang) for name in names)


def figures(variant: Variant) -> dict[str, str]:
    """The properties of a variant's network, as text for the {fields} of its messages."""
    layers = variant.layers()
    return {
        "parameters": f"{sum(layer.parameters for layer in layers):,}",
        "macs": f"{sum(layer.macs for layer in layers):,}",
        "classes": f"{variant.classes:,}",
        "channels": str(variant.channels),
        **_first_layer(variant, layers),
        **_norm(variant.network),
        **_rows(variant.network, layers),
    }


def _first_layer(variant: Variant, layers: tuple[Layer, ...]) -> dict[str, str]:
    first, positions = variant.network.convs[0], layers[0].output[1]
    needed = (positions - 1) * first.stride + first.kernel
    return {
        "side": str(variant.image_size),
        "first_maps": str(first.channels),
        "kernel": str(first.kernel),
        "stride": str(first.stride),
        "padding": str(first.padding),
        "positions": str(positions),
        "needed": str(needed),
        "missing": str(needed - variant.image_size),
    }


def _norm(network: Architecture) -> dict[str, str]:
    normalised = [conv for conv in network.convs if conv.norm]
    return {
        "alpha": _decimal(network.norm_alpha),
        "alpha_each": _decimal(network.norm_alpha / network.norm_size),
        "neighbours": str(network.norm_size),
        "beta": f"{network.norm_beta:g}",
        "k": f"{network.norm_k:g}",
        "normalised": _listed(conv.name for conv in normalised),
        "tower_maps": _listed(conv.channels // network.towers for conv in normalised),
        "normalised_maps": _listed(conv.channels for conv in normalised),
    }


def _rows(network: Architecture, layers: tuple[Layer, ...]) -> dict[str, str]:
    rows: list[Conv | Full] = [*network.convs, *network.hidden]
    return {
        "maps": _listed(conv.channels for conv in network.convs),
        "split": _listed(conv.name for conv in network.convs if conv.towers > 1),
        "joined": _listed(conv.name for conv in network.convs[1:] if conv.towers == 1),
        "pool_kernel": str(network.pool_kernel),
        "pool_stride": str(network.pool_stride),
        "sides": _listed(layer.output[1] for layer in layers if layer.name.startswith("pool")),
        "grid": str(network.grid),
        "dropout": f"{network.dropout:g}",
        "hidden": _listed(full.name for full in network.hidden),
        "std": f"{network.convs[0].std:g}",
        "ones": _listed(row.name for row in rows if row.bias == 1),
    }


def _decimal(number: float) -> str:
    """A number without exponent: 0.00002, not 2e-05."""
    return f"{number:f}".rstrip("0")


def _listed(words: Iterable[object]) -> str:
    return ", ".join(map(str, words))
