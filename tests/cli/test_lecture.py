"""The verbs of the lecture on the command line: study, report, convert, and summary's tables; JSON keys, statuses, messages."""

import json
import re
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

import pytest
import torch
from safetensors.torch import load_file, save_file

from alexnet.cli import main
from alexnet.i18n.translate import table
from alexnet.models.networks.network import Network
from alexnet.models.registry import ARCHITECTURES
from alexnet.studies.registry import STUDIES

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def said_by(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    assert main([*map(str, words)]) == 0
    return capsys.readouterr().out


def refusal(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    assert main([*map(str, words)]) == 2
    said = capsys.readouterr()
    assert not said.out
    assert "Traceback" not in said.err
    return said.err


def test_the_slides_are_checked_against_the_networks(capsys: pytest.CaptureFixture[str]) -> None:
    said = said_by(capsys, "summary", "--lecture")
    for figure in ("46,787,978 / 61,706 = 758", "1,005,890,688 / 416,520", "2,415", "234.5", "60,965,224"):
        assert figure in said
    values = json.loads(said_by(capsys, "summary", "--lecture", "--variants", "--json"))
    assert set(values) == {"models", "lecture", "variants"}
    assert {claim["verdict"] for claim in values["lecture"]["claims"]} == {"wrong", "half_true"}


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("flag", ["--lecture", "--variants"])
def test_the_tables_fit_80_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, flag: str, lang: str) -> None:
    """Chinese characters are two columns wide; no number is broken over two lines."""
    monkeypatch.setenv("COLUMNS", "80")
    said = said_by(capsys, "summary", flag, "--lang", lang)
    wide = [sum(2 if east_asian_width(character) in "WF" else 1 for character in line) for line in said.splitlines()]
    if flag == "--lecture":
        assert max(wide) <= 80
        assert {"1,005,890,688", "2,011,781,376", "1,448,813,632"} <= set(said.split("\n\n")[1].split())


def test_the_variants_stand_beside_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    said = said_by(capsys, "summary", "alexnet", "--variants")
    assert "conv1" in said  # the model asked for comes first
    assert said.index("conv1") < said.index("Caffe")


@pytest.mark.parametrize("flag", ["--lecture", "--variants"])
def test_both_are_said_in_chinese(capsys: pytest.CaptureFixture[str], flag: str) -> None:
    assert CHINESE.search(said_by(capsys, "summary", flag, "--lang", "zh"))
    assert not CHINESE.search(said_by(capsys, "summary", flag))
    assert "fr" in refusal(capsys, "summary", flag, "--lang", "fr")


def test_weights_are_converted_and_the_next_step_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with torch.device("meta"):
        network = Network(ARCHITECTURES["alexnet-owt"], classes=3, channels=3, image_size=224)
    state = {name: torch.zeros(value.shape) for name, value in network.state_dict().items()}
    save_file(state, tmp_path / "ours.safetensors")
    words = [
        "convert",
        tmp_path / "ours.safetensors",
        "--from",
        "alexnet-owt",
        "--to",
        "torchvision",
        "--out",
        tmp_path / "theirs.safetensors",
    ]
    assert "theirs.safetensors" in said_by(capsys, *words)
    assert load_file(tmp_path / "theirs.safetensors").keys() == state.keys()
    assert "exists" in refusal(capsys, *words)
    words[3:] = ["alexnet-otw", "--to", "torchvision", "--out", tmp_path / "more.safetensors"]
    assert "Did you mean 'alexnet-owt'" in refusal(capsys, *words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--claims", "dropuot"], "No study is called 'dropuot'. Did you mean 'dropout'"),
        (["--seeds", "1"], "--seeds is 1; a study compares paired runs"),
        (["--budget", "1 parsec"], "is not a duration"),
        (["--training.epohcs", "3"], "Did you mean 'training.epochs'"),
        (["--set", "fraction=2"], "fraction is 2"),
        (["--on", "mars"], "mars"),
        (["--processes", "0"], "0"),
    ],
)
def test_mistakes_in_a_study_are_told_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, digits_folder: Path, words: list[str], message: str
) -> None:
    assert message in refusal(capsys, "study", digits_folder, *words, "--out", tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_too_small_images_cannot_be_studied(capsys: pytest.CaptureFixture[str], tmp_path: Path, digits_folder: Path) -> None:
    assert "pictures of 8 px; a study needs 15 px or more" in refusal(capsys, "study", digits_folder, "--out", tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_a_report_is_made_anew_in_another_language(capsys: pytest.CaptureFixture[str], tmp_path: Path, digits_run: Path) -> None:
    page = tmp_path / "zh.html"
    assert str(page) in said_by(capsys, "report", digits_run, "--out", page, "--lang", "zh")
    assert CHINESE.search(page.read_text(encoding="utf-8"))
    assert "No run folder given" in refusal(capsys, "report")
    assert "nowhere" in refusal(capsys, "report", tmp_path / "nowhere")


def test_every_claim_has_words_in_both_languages() -> None:
    messages: dict[str, Any] = table()
    for study in STUDIES.values():
        assert messages[f"claims.{study.claim}-question"]["en"].endswith("?")
        assert CHINESE.search(messages[f"claims.{study.claim}-claim"]["zh"])
