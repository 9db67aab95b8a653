"""The lecture's figures against the networks: published numbers literally, in both languages, and counted, not written down."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from alexnet.data.open import open_dataset
from alexnet.i18n.translate import LANGUAGES, Lang
from alexnet.lecture.networks import (
    LectureNetworks,
    comparison_title,
    layer_by_layer,
    layer_head,
    layer_lines,
    lecture_networks,
    network_lines,
)
from alexnet.lecture.slides import CLAIMS, KEPT_BY_SHIFT, CheckedClaim, check_slides, claim_lines, claims_title
from alexnet.models.networks.alexnet import ALEXNET_2012, ALEXNET_D2L
from alexnet.models.networks.architecture import NetworkChoices, vary
from alexnet.models.networks.lenet import LENET
from alexnet.models.networks.network import Network

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def claim(name: str, lang: Lang = "en", networks: LectureNetworks | None = None) -> CheckedClaim:
    return next(one for one in check_slides(lang, networks).claims if one.name == name)


ARITHMETIC = [
    ("parameters", ["46,787,978 / 61,706 = 758", "60,965,224 / 61,706 = 988", "1,000"]),
    ("audience", ["46,787,978", "9.8", "61,706", "9.7", "= 767", "758"]),
    ("computation", ["1,005,890,688 / 416,520", "= 2,415", "724,406,816 / 416,520 = 1,739"]),
    (
        "memory",
        ["37,752,832, 16,781,312, 4,097,000", "58,631,144", "= 234.5 MB", "218.1 MB", "4 x 234.5 MB", "0.94 GB", "43,040,778", "172.2 MB"],
    ),
    ("kernels", ["11, 5, 3, 3, 3", "5, 5"]),
    ("strides", ["1", "4"]),
    ("shifts", ["2x2", "33%", "25%", "3x3", "50%", "39%"]),
    ("flop", ["2 x 1,005,890,688 = 2,011,781,376 FLOP", "FLOP/s", "201.2 GFLOP/s"]),
    ("gradient", ["0.25", "0.25^7 = 0.000061", "0.0039", "0.0066"]),
]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("name", "parts"), ARITHMETIC)
def test_the_arithmetic_is_in_the_sentence(name: str, parts: list[str], lang: Lang) -> None:
    right = claim(name, lang).right
    assert [part for part in parts if part not in right] == []


def test_every_claim_has_its_arithmetic_tested() -> None:
    assert [one.name for one in CLAIMS] == [name for name, _ in ARITHMETIC]


def test_the_figures_are_the_published_ones() -> None:
    figures = {one.name: one.figures for one in check_slides("en").claims}
    assert figures["parameters"]["ratio"] == 758
    assert figures["parameters"]["published_ratio"] == 988
    assert figures["computation"]["ratio"] == 2_415
    assert figures["memory"]["parameters"] == 58_631_144
    assert figures["memory"]["megabytes"] == 234.5
    assert figures["memory"]["gigabytes"] == 0.94
    assert figures["kernels"]["kernels"] == (11, 5, 3, 3, 3)
    assert (figures["strides"]["lenet_stride"], figures["strides"]["stride"]) == (1, 4)
    assert figures["gradient"]["slope"] == 0.25


@pytest.mark.slow
def test_what_pooling_forgives_is_so_on_photos(shared_data: Path) -> None:
    """Random 5x5 filters, ReLU, and maxima over windows with stride 2, before and after a shift by one pixel."""
    photos = open_dataset(shared_data / "cifar10.zip")
    images = photos.squares(range(0, len(photos.items), len(photos.items) // 100), 32, "crop").float()
    filters = torch.randn(32, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    active = functional.conv2d(images - images.mean((0, 2, 3), keepdim=True), filters).relu()
    for side, percent in KEPT_BY_SHIFT.items():
        before = functional.max_pool2d(active[..., 1:-1, 1:-1], side, 2)
        for left in (0, 2):
            after = functional.max_pool2d(active[..., 1:-1, left : active.shape[-1] - 2 + left], side, 2)
            assert 100 * float((before == after)[before > 0].float().mean()) == pytest.approx(percent, abs=2)


def test_verdicts() -> None:
    half_true = [one.name for one in check_slides("en").claims if one.verdict == "half_true"]
    assert half_true == ["audience", "gradient"]
    assert {one.verdict_text for one in check_slides("en").claims if one.name not in half_true} == {"wrong"}


def test_what_the_slides_say_is_quoted_with_its_figure() -> None:
    quoted = {one.name: one.slide for one in check_slides("en").claims}
    for name, figure in (("parameters", "10 times"), ("audience", "460M"), ("computation", "260"), ("memory", "1 GB")):
        assert figure in quoted[name]
    assert "2x2" in quoted["shifts"]
    for name, figure in (("kernels", "7x7"), ("strides", "from 2 to 4"), ("flop", "per second"), ("gradient", "at zero")):
        assert figure in quoted[name]


def test_both_languages_say_every_row_and_differ() -> None:
    english, chinese = (claim_lines(check_slides(lang)) for lang in ("en", "zh"))
    assert len(english) == len(chinese) == 2 * len(CLAIMS)
    assert english[0] == ("slide", "AlexNet has 10 times the parameters of LeNet.")
    assert english[1] == ("wrong", claim("parameters").right)
    for row, translated in zip(english, chinese, strict=True):
        assert all(not CHINESE.search(text) and text.strip() for text in row)
        assert all(CHINESE.search(text) for text in translated)
    for lang in LANGUAGES:
        said = [comparison_title(lang), claims_title(lang), *(head.split()[0] for head in layer_head(lecture_networks(), lang)[1:])]
        assert all(bool(CHINESE.search(text)) == (lang == "zh") for text in said)


def test_the_comparison_is_the_lectures() -> None:
    networks = lecture_networks()
    assert network_lines(networks, "en") == [
        "lenet: 1 x 28 x 28, 10 classes",
        "alexnet-d2l: 3 x 224 x 224, 10 classes",
        "alexnet: 3 x 224 x 224, 1,000 classes",
    ]
    lines = {label: cells for label, *cells in layer_lines(networks, "en")}
    assert lines["conv1"] == ["156", "34,944", "34,944", "117,600", "101,616,768", "105,415,200"]
    assert lines["conv3"][0] == lines["conv3"][3] == "", "LeNet has none"
    assert lines["hidden 1"][2] == "37,752,832"
    assert lines["output"][:3] == ["850", "40,970", "4,097,000"]
    assert lines["total"] == ["61,706", "46,787,978", "60,965,224", "416,520", "1,005,890,688", "724,406,816"]
    assert lines["FLOP"] == ["", "", "", "833,040", "2,011,781,376", "1,448,813,632"]
    assert lines["x LeNet"] == ["1x", "758x", "988x", "1x", "2,415x", "1,739x"]
    assert all(len(layer_head(networks, "en")) == len(cells) + 1 for cells in lines.values())


def test_labels_are_translated() -> None:
    labels = [label for label, *_ in layer_lines(lecture_networks(), "zh")]
    assert labels == ["conv1", "conv2", "conv3", "conv4", "conv5", "全连接1", "全连接2", "输出层", "合计", "FLOP", "倍数"]


def test_the_counts_are_those_of_the_networks_that_train() -> None:
    for one in lecture_networks():
        built = Network(one.architecture, classes=one.classes, channels=one.channels, image_size=one.image_size)
        assert sum(parameter.numel() for parameter in built.parameters()) == one.parameters


@pytest.mark.parametrize("choices", [NetworkChoices(), NetworkChoices(fully_connected=0), NetworkChoices(pooling="strided-convolution")])
def test_every_layer_is_in_the_comparison_once(choices: NetworkChoices) -> None:
    networks = lecture_networks(lecture=vary(ALEXNET_D2L, choices))
    rows = layer_by_layer(networks)
    for number, one in enumerate(networks):
        layers = [row.layers[number] for row in rows]
        assert sum(layer.parameters for layer in layers if layer) == one.parameters
        assert sum(layer.macs for layer in layers if layer) == one.macs


def test_another_network_gives_other_figures() -> None:
    thin = lecture_networks(lecture=vary(ALEXNET_D2L, NetworkChoices(hidden_units=1024)))
    assert claim("parameters", networks=thin).figures["ratio"] == round(thin.lecture.parameters / 61_706) != 758
    assert f"{thin.lecture.parameters:,} / 61,706" in claim("parameters", networks=thin).right
    assert claim("computation", networks=thin).figures["ratio"] != 2_415
    short = lecture_networks(published=vary(ALEXNET_2012, NetworkChoices(fully_connected=1)))
    assert claim("memory", networks=short).figures["megabytes"] == 167.4  # 4 bytes x 41,849,832
    assert claim("gradient", networks=short).figures["nonlinearities"] == 6
    fine = lecture_networks(published=vary(ALEXNET_2012, NetworkChoices(first_kernel=7, first_stride=2)))
    assert claim("kernels", networks=fine).figures["kernels"] == (7, 5, 3, 3, 3)
    assert "From 1 to 2" in claim("strides", networks=fine).right
    wide = lecture_networks(lenet=vary(LENET, NetworkChoices(width=2.0)))
    assert claim("audience", networks=wide).figures["lenet_excess"] != 9.7
    assert claim("flop", networks=thin).figures["flop"] == 2 * thin.lecture.macs != 2_011_781_376


def test_json_has_networks_layers_and_claims() -> None:
    lecture = json.loads(json.dumps(check_slides("zh").to_json(), allow_nan=False))
    assert sorted(lecture) == ["claims", "layers", "networks"]
    names = [network["name"] for network in lecture["networks"]]
    assert names == ["lenet", "alexnet-d2l", "alexnet"]
    assert [network["parameters_ratio"] for network in lecture["networks"]] == [1, 758, 988]
    assert [network["macs_ratio"] for network in lecture["networks"]] == [1, 2_415, 1_739]
    for network in lecture["networks"]:
        assert network["flop"] == 2 * network["macs"]
        assert sum(row[network["name"]]["parameters"] for row in lecture["layers"] if row[network["name"]]) == network["parameters"]
    assert lecture["layers"][4]["lenet"] is None
    for row in lecture["claims"]:
        assert sorted(row) == ["figures", "name", "right", "slide", "verdict", "verdict_text"]
        assert CHINESE.search(row["right"])
    assert lecture["claims"][0]["figures"]["ratio"] == 758


def test_a_claim_is_a_row() -> None:
    names = [one.name for one in CLAIMS]
    assert len(set(names)) == len(names)
    with pytest.raises(AttributeError):
        replace(CLAIMS[0]).name = "other"  # type: ignore[misc]
