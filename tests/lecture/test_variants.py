"""The forms of AlexNet: every cell says something in both languages, and what the networks know is counted."""

import json
import re
from dataclasses import fields, replace

import pytest

from alexnet.i18n.translate import LANGUAGES, Lang, say, table
from alexnet.lecture.variants import (
    DIFFERENCES,
    VARIANTS,
    ComparedVariants,
    Difference,
    Variant,
    compare_variants,
    figures,
    source_lines,
    variant_lines,
    variants_title,
)
from alexnet.models.networks.alexnet import ALEXNET_2012, ALEXNET_OWT
from alexnet.models.networks.architecture import NetworkChoices, vary

CHINESE = re.compile(r"[\u4e00-\u9fff]")
BRACES = re.compile(r"[{}]")


def row(name: str, lang: Lang = "en", variants: tuple[Variant, ...] = VARIANTS) -> dict[str, str]:
    found: ComparedVariants = next(one for one in compare_variants(lang, variants) if one.name == name)
    return dict(zip(found.variants, found.texts, strict=True))


def test_rows_have_a_cell_for_every_variant() -> None:
    assert [one.name for one in fields(Difference)][1:] == [variant.name for variant in VARIANTS]
    assert len({one.name for one in DIFFERENCES}) == len(DIFFERENCES) == 19


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_cell_says_something(lang: Lang) -> None:
    compared = compare_variants(lang)
    assert [one.name for one in compared] == [one.name for one in DIFFERENCES]
    for one in compared:
        assert one.title.strip()
        assert all(text.strip() and not BRACES.search(text) for text in one.texts)
        assert len(set(one.texts)) > 1, "a row of the table is a difference"


def test_the_languages_are_kept_apart() -> None:
    for english, chinese in zip(compare_variants("en"), compare_variants("zh"), strict=True):
        assert not CHINESE.search("".join([english.title, *english.texts]))
        for before, after in zip(english.texts, chinese.texts, strict=True):
            assert CHINESE.search(after) or before == after, "only figures are the same in both"
    assert CHINESE.search(variants_title("zh"))


PARAMETERS = {"paper": "60,965,224", "program": "60,965,224", "caffe": "60,965,224", "owt": "61,100,840", "d2l": "46,764,746"}
MACS = {"paper": "724,406,816", "program": "724,406,816", "caffe": "724,406,816", "owt": "714,188,480", "d2l": "938,146,176"}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_counts_are_the_published_ones(lang: Lang) -> None:
    assert row("macs", lang) == MACS
    for name, text in row("parameters", lang).items():
        assert text.startswith(PARAMETERS[name])


PUBLISHED = [
    ("input", "paper", ["224", "55", "227"]),
    ("input", "program", ["224", "3 px"]),
    ("input", "caffe", ["227", "55", "without padding"]),
    ("input", "owt", ["padded by 2"]),
    ("input", "d2l", ["1 x 224", "padded by 1"]),
    ("first_layer", "owt", ["64 maps, 11x11, stride 4: 55x55"]),
    ("first_layer", "d2l", ["96 maps, 11x11, stride 4: 54x54"]),
    ("maps", "caffe", ["96, 256, 384, 384, 256"]),
    ("maps", "owt", ["64, 192, 384, 256, 256"]),
    ("towers", "paper", ["conv2, conv4, conv5 see their own half", "conv3"]),
    ("towers", "caffe", ["group: 2"]),
    ("norm_place", "paper", ["after the ReLU of conv1, conv2", "before the pooling"]),
    ("norm_place", "program", ["before it in conv1"]),
    ("norm_place", "caffe", ["AlexNet: before the pooling; CaffeNet: after it"]),
    ("norm_alpha", "paper", ["0.0001", "not divided", "k = 2"]),
    ("norm_alpha", "program", ["divided by n = 5", "0.00002", "k = 2"]),
    ("norm_alpha", "caffe", ["divided by n = 5", "0.00002", "default is 1"]),
    ("norm_towers", "program", ["48, 128"]),
    ("norm_towers", "caffe", ["96, 256"]),
    ("pooling", "program", ["ceil: 27, 13, 6"]),
    ("pooling", "d2l", ["floor: 26, 12, 5"]),
    ("pooling", "owt", ["averaged to 6x6"]),
    ("dropout_place", "caffe", ["0.5, after fc6, fc7"]),
    ("dropout_place", "owt", ["before fc6, fc7"]),
    ("dropout_scale", "program", ["at test"]),
    ("dropout_scale", "caffe", ["in training"]),
    ("weights", "program", ["0.01", "in conv3, conv4, conv5 N(0, 0.03)"]),
    ("weights", "caffe", ["0.01", "in fc6, fc7 N(0, 0.005)"]),
    ("biases", "program", ["1 in conv2, conv4, conv5, fc6, fc7"]),
    ("biases", "caffe", ["AlexNet 0.1", "CaffeNet 1"]),
    ("bias_training", "program", ["twice", "no decay"]),
    ("bias_training", "caffe", ["lr_mult: 2", "decay_mult: 0"]),
    ("mean", "d2l", ["nothing is subtracted"]),
    ("augmentation", "caffe", ["227", "256"]),
    ("colour_noise", "program", ["off in the last epochs"]),
    ("test_views", "paper", ["ten", "softmax averaged"]),
    ("test_views", "owt", ["56.522%"]),
]


@pytest.mark.parametrize(("name", "variant", "parts"), PUBLISHED)
def test_what_is_known_of_each(name: str, variant: str, parts: list[str]) -> None:
    text = row(name)[variant]
    assert [part for part in parts if part not in text] == []


def test_numbers_are_the_same_in_both_languages() -> None:
    number = re.compile(r"\d[\d,.]*\d|\d")
    for english, chinese in zip(compare_variants("en"), compare_variants("zh"), strict=True):
        for before, after in zip(english.texts, chinese.texts, strict=True):
            assert sorted(number.findall(before)) == sorted(number.findall(after)), before


def varied(choices: NetworkChoices) -> tuple[Variant, ...]:
    return tuple(replace(variant, network=vary(ALEXNET_2012, choices)) if variant.name == "paper" else variant for variant in VARIANTS)


def test_another_network_gives_other_figures() -> None:
    changed = varied(NetworkChoices(first_kernel=7, first_stride=2, towers=1, fully_connected=1, dropout=0.3, pool_kernel=2))
    assert row("first_layer", variants=changed)["paper"] == "96 maps, 7x7, stride 2: 110x110"
    assert row("parameters", variants=changed)["paper"] != row("parameters")["paper"]
    assert row("macs", variants=changed)["paper"] != row("macs")["paper"]
    assert row("dropout_place", variants=changed)["paper"] == "0.3, after fc6"
    assert "2x2" in row("pooling", variants=changed)["paper"]
    assert "fc7" not in row("biases", variants=changed)["paper"]
    assert row("macs", variants=changed)["caffe"] == row("macs")["caffe"], "the others stay"


def test_figures_move_with_the_fields_of_a_table() -> None:
    caffe = next(variant for variant in VARIANTS if variant.name == "caffe")
    assert figures(caffe)["missing"] == "0", "227 px fit the windows"
    other = replace(ALEXNET_2012, norm_alpha=5e-4, norm_size=7, norm_k=1.0)
    assert figures(replace(caffe, network=other))["alpha_each"] == "0.000071"
    assert figures(replace(caffe, network=ALEXNET_OWT, image_size=224))["parameters"] == "61,100,840"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_lines_hold_every_text_and_name_every_variant(lang: Lang) -> None:
    compared = compare_variants(lang)
    lines = variant_lines(compared, lang)
    assert [title for title, _, _ in lines if title] == [one.title for one in compared]
    assert {text for _, _, text in lines} == {text for one in compared for text in one.texts}
    counts = lines[[title for title, _, _ in lines].index(say("variants.macs", lang)) :]
    comma = say("variants.comma", lang)
    assert counts[0][1] == comma.join(say(f"variants.{name}", lang) for name in ("paper", "program", "caffe"))
    assert [text for _, _, text in counts] == ["724,406,816", "714,188,480", "938,146,176"]


def test_sources_are_named() -> None:
    assert len(source_lines("en")) == len(VARIANTS)
    assert any("bvlc_reference_caffenet" in line for line in source_lines("zh"))


def test_json_has_one_object_a_row() -> None:
    rows = json.loads(json.dumps([one.to_json() for one in compare_variants("en")]))
    assert all(sorted(one) == ["caffe", "d2l", "name", "owt", "paper", "program", "title"] for one in rows)
    assert rows[-1] == {"name": "macs", "title": "MACs per picture"} | MACS


def test_no_message_is_left_over() -> None:
    cells = {getattr(one, column.name) for one in DIFFERENCES for column in fields(Difference)}
    rest = {"heading", "comma", "all_variants"} | {variant.name for variant in VARIANTS}
    assert {name.removeprefix("variants.") for name in table() if name.startswith("variants.")} == cells | rest
