"""What a person reads of a comparison: the page and the terminal's tables."""

import io
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console
from rich.table import Table
from tests.pages.reading import Page, assert_complete_in_itself
from tests.runs.digit_systems import MACHINES, Trainings

from alexnet.cli.tables import comparison_tables
from alexnet.comparison.report.page import comparison_page
from alexnet.comparison.report.view import CompareView, points, translations
from alexnet.comparison.results import Comparison
from alexnet.i18n.phrases import PageWords, size
from alexnet.i18n.translate import table
from alexnet.reports import report_runs

SECTIONS = ["headline", "choice", "systems", "amounts", "arms", "pairs", "cells", "repeat", "environment"]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """All stand-ins, three amounts, two seeds; one cell has failed."""
    trainings = Trainings(failing=("raw-svm",))
    out = tmp_path_factory.mktemp("compare") / "digits ü"
    return trainings.compare(out=out, models=",".join(MACHINES), fractions="0.02,0.2,1", seeds=2)


@pytest.fixture(scope="module")
def html(comparison: Comparison) -> str:
    return Path(comparison.report).read_text("utf-8")


def svgs(html: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)]


def test_every_section_is_there_once_and_every_link_arrives(html: str, comparison: Comparison) -> None:
    page = Page(html)
    ids = [identity for _, attributes in page.elements if (identity := attributes.get("id"))]
    assert [identity for identity in ids if identity in SECTIONS] == SECTIONS
    assert len(set(ids)) == len(ids)
    links = [href for a in page.all("a") if (href := a["href"])]
    assert all(href[1:] in ids for href in links if href.startswith("#"))
    reports = [href for href in links if not href.startswith("#")]
    assert len(reports) == 30
    assert all((Path(comparison.run) / href.replace("%2B", "+")).is_file() for href in reports)


def test_headline_and_choice(html: str, comparison: Comparison) -> None:
    headline = CompareView(comparison).headline.striptags()
    assert re.fullmatch(
        r"For digits, use lenet: it classifies 9\d\.\d% of \d{3} test pictures correctly \(between [\d.]+% and [\d.]+%, 95% interval\)",
        headline,
    )
    text = Page(html).text
    assert comparison.choice.reason in text
    assert all(remark in text for remark in comparison.remarks)
    assert all(crossing.sentence in text for crossing in comparison.crossings)


def test_nothing_is_loaded_from_anywhere(html: str) -> None:
    assert_complete_in_itself(Page(html))
    assert len(html) < 300_000


def test_tables_have_heads_and_can_be_scrolled_by_keyboard(html: str) -> None:
    page = Page(html)
    assert len(page.all("table")) == len(page.all("thead")) == len([one for one in page.all("div") if one.get("class") == "scroll"])
    assert all(one["tabindex"] == "0" and one["aria-label"] for one in page.all("div") if one.get("class") == "scroll")
    assert all("scope" in cell for cell in page.all("th"))


def test_plots_say_their_numbers_and_use_the_pages_colours(html: str, comparison: Comparison) -> None:
    plots = svgs(html)
    assert len(plots) == 2
    ids = [{e.attrib["id"] for e in svg.iter() if "id" in e.attrib} for svg in plots]
    assert not ids[0] & ids[1]
    for svg, own in zip(plots, ids, strict=True):
        text = ElementTree.tostring(svg, "unicode")
        assert set(re.findall(r'(?:url\(|href=")#([^")]+)', text)) <= own
        assert {f"var(--series-{i})" for i in range(1, 6)} <= set(re.findall(r"var\(--series-\d\)", text))
        assert not [style for e in svg.iter() if "#" in (style := e.attrib.get("style", ""))]  # the page's variables alone
    labels = [svg.attrib["aria-label"] for svg in plots]
    for system in comparison.systems:
        assert all(system.model in label for label in labels)
    assert "Error against pictures per class: hog-svm" in labels[0]
    assert "100" in [element.text for element in plots[0].iter() if element.text]


def test_many_systems_keep_their_legend_on_the_plot(comparison: Comparison) -> None:
    plot = CompareView(comparison).plots[0]
    assert all(f">{model}</text>" in plot for model in MACHINES if model != "raw-svm")


def test_one_amount_has_no_learning_curve(comparison: Comparison) -> None:
    single = [system for system in comparison.systems if system.fraction == 1]
    page = comparison_page(replace(comparison, systems=single, crossings=(), arms=()))
    assert len(svgs(page)) == 1
    assert 'id="arms"' not in page


def test_failed_cells_say_why_and_their_words_stay_text(html: str) -> None:
    assert "the loss of raw-svm is &lt;not&gt; finite" in html
    assert "6 of the 36 parts of the comparison have no result (raw-svm)" in Page(html).text


def test_hostile_words_stay_text(comparison: Comparison) -> None:
    hostile = "</title><script>alert(1)</script>\x00"
    page = comparison_page(replace(comparison, dataset=hostile, remarks=[hostile], command=hostile, environment={hostile: hostile}))
    assert len(Page(page).all("script")) == 1
    assert "<script>alert(1)" in Page(page).text


def test_the_home_folder_is_not_shown(comparison: Comparison) -> None:
    command, remark = "alexnet compare /home/ann/photos", "1 picture is not in /home/ann/t.csv"
    text = Page(comparison_page(replace(comparison, dataset="/home/ann/photos", command=command, remarks=[remark]))).text
    assert "alexnet compare ~/photos" in text
    assert "/home" not in text


def test_the_same_comparison_gives_the_same_bytes(comparison: Comparison) -> None:
    assert comparison_page(comparison) == comparison_page(comparison)


def test_three_arms_are_said(html: str) -> None:
    text = Page(html).text
    assert re.search(r"Learning the features takes the error from [\d.]+% \(\S+\) to [\d.]+% \(alexnet-cifar-fast\+svm\)", text)
    assert re.search(r"together takes it from [\d.]+% to [\d.]+% \(alexnet-cifar-fast\); the difference is shown \(p under 0.001\)", text)


def test_sizes_and_points() -> None:
    assert [size(n) for n in (None, 12, 1_234, 12_345_678, 243_900_000, 5e9)] == ["–", "12 B", "1.23 kB", "12.3 MB", "244 MB", "5 GB"]
    assert [points(d) for d in (0.0123, -0.004, 0)] == ["+1.2", "−0.4", "+0.0"]


def shown(parts: Iterable[Table | str], width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    for part in parts:
        console.print(part, markup=False) if isinstance(part, str) else console.print(part)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_terminal_table_fits_80_columns(comparison: Comparison) -> None:
    lines = shown(comparison_tables(comparison))
    assert lines[0] == "digits, 100 training pictures per class, test error:"
    for system in comparison.largest:
        row = [line.split() for line in lines if line.startswith(f"{system.model} ") and "%" in line.split()[1]]
        assert len(row) == 1
        assert row[0][1] == f"{system.error:.1%}"
    table = [line for line in lines if line.startswith("lenet ")]
    assert table[0].split()[-2:] == ["61.7k", "417k"]
    page = " ".join(" ".join(lines).split())
    assert all(crossing.sentence in page for crossing in comparison.crossings)
    assert f"Use lenet: {comparison.choice.reason}" in page
    assert "No result: raw-svm, 100% of the pictures, seed 0: the loss of raw-svm is <not> finite" in page
    assert comparison.report in "".join(lines[-2:])


def heard(html: str) -> list[str]:
    """Every text, code left out, and what is read aloud instead of images."""
    shown = re.sub(r"<(style|script|code)\b.*?</\1>", "", html, flags=re.DOTALL)
    return [*re.sub(r"<[^>]*>", "\n", shown).splitlines(), *re.findall(r'(?:aria-label|alt|title)="([^"]*)"', shown)]


OF_THE_USER = {"digits", "svm", "hog", "raw", "fisher", "lenet", "alexnet", "cifar", "fast", "SVM", "AlexNet", "kB", "seeds"}


def test_a_chinese_page_says_nothing_in_english_but_why_cells_failed(comparison: Comparison) -> None:
    page = comparison_page(replace(comparison, environment={"processor": "2"}), "zh")
    assert '<html lang="zh-Hans">' in page
    latin = {word for text in heard(page) for word in re.findall("[A-Za-z]{2,}", unescape(text))}
    failed = {word for cell in comparison.cells for word in re.findall("[A-Za-z]{2,}", cell.error or "")}
    assert latin <= OF_THE_USER | failed
    assert failed <= latin


def english_words(chinese: str) -> set[str]:
    """The words of a Chinese message that are no code, no markup, no field and no name of the field's."""
    text = re.sub(r"<code>.*?</code>|<[^>]*>|\{[^}]*\}", " ", chinese)
    return set(re.findall("[A-Za-z]{2,}", text)) - {"HOG", "SVM", "AlexNet", "ImageNet", "torchvision", "seeds"}


def test_chinese_messages_hold_no_english_words() -> None:
    words = {name: english_words(texts["zh"]) for name, texts in table().items() if name.startswith(("report.", "compare."))}
    assert words
    assert {name: found for name, found in words.items() if found} == {}


def test_sentences_are_translated_from_the_figures(comparison: Comparison) -> None:
    again = translations(comparison, PageWords("zh"))
    assert {comparison.choice.reason, *comparison.remarks} <= again.keys()
    assert all(crossing.sentence in again for crossing in comparison.crossings)
    assert all(re.search("[\u4e00-\u9fff]", chinese) for chinese in again.values())


def test_what_does_not_follow_from_the_figures_stays_as_it_was_written(comparison: Comparison) -> None:
    unequal = "Not all systems judged the same pictures with seed 0."
    page = comparison_page(replace(comparison, remarks=[*comparison.remarks, unequal]), "zh")
    assert unequal in page
    assert all(remark not in page for remark in comparison.remarks)


def test_the_page_is_made_anew_byte_for_byte(comparison: Comparison, html: str, tmp_path: Path) -> None:
    assert report_runs([Path(comparison.run)], out=tmp_path / "page.html") == tmp_path / "page.html"
    assert (tmp_path / "page.html").read_text("utf-8") == html
    assert report_runs([Path(comparison.run)]) == Path(comparison.report)
    assert Path(comparison.report).read_text("utf-8") == html


def test_a_comparison_comes_back_from_its_json(comparison: Comparison) -> None:
    values = json.loads(json.dumps(comparison.to_json()))
    read = Comparison.from_json(values)
    assert json.loads(json.dumps(read.to_json())) == values
    assert read.largest == comparison.largest
    assert read.request == comparison.request


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda v: v.update(dataset=3), "dataset is 3, and must be text"),
        (lambda v: v.pop("command"), "lacks command"),
        (lambda v: v["cells"][0].update(kind="oracle"), "must be hand-crafted or pretrained or network or frozen"),
        (lambda v: v["cells"][0].update(report=["x"]), "must be text"),
        (lambda v: v["systems"][0].update(error="low"), "must be a finite number"),
        (lambda v: v["systems"][0].update(error=2.0), "is not between 0 and 1"),
        (lambda v: v["systems"][0].update(images_per_class=0), "its amount is not above 0"),
        (lambda v: v["systems"][0].update(interval=[0.1]), "must be 2 values"),
        (lambda v: v["systems"][0].update(model="oracle"), "not among its models"),
        (lambda v: v.update(systems=[]), "not among those with the most training pictures"),
        (lambda v: v["choice"].update(model="oracle"), "not among those with the most training pictures"),
        (lambda v: v.update(split="train"), "must be test or validation"),
        (lambda v: v["pairs"][0].pop("p"), "lacks p"),
        (lambda v: v.update(pairs=[1]), "must be an object"),
        (lambda v: v.update(remarks=[1]), "must be text"),
        (lambda v: v.update(seeds=None), "must be a whole number"),
        (lambda v: v.update(budget="soon"), "budget"),
    ],
)
def test_damaged_and_hostile_values_are_found_where_they_are_read(
    comparison: Comparison, damage: Callable[[Any], object], said: str
) -> None:
    values = json.loads(json.dumps(comparison.to_json()))
    damage(values)
    with pytest.raises(ValueError, match=said):
        Comparison.from_json(values)


def test_links_lead_nowhere_but_to_the_cells(comparison: Comparison) -> None:
    values = json.loads(json.dumps(comparison.to_json()))
    reports = [f"{comparison.run}/javascript:alert(1)", "https://example.org", "/etc/passwd", f'{comparison.run}/"onload="x']
    for cell, report in zip(values["cells"], reports, strict=False):
        cell.update(report=report, error=None)
    links = [a["href"] or "" for a in Page(comparison_page(Comparison.from_json(values))).all("a")]
    assert not [link for link in links if ":" in link or link.startswith("/")]
