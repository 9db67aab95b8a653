"""The page of the lecture: every section, claim, slide and question in both languages, and nothing from anywhere else."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markupsafe import escape
from tests.pages.reading import Page, assert_complete_in_itself
from tests.studies.invented import HOSTILE, arm, effect, finding, report

from alexnet.i18n.phrases import ENGLISH, PageWords
from alexnet.i18n.translate import LANGUAGES, Lang, say
from alexnet.i18n.units import percent
from alexnet.lecture.outline import SECTIONS
from alexnet.lecture.questions import QUESTIONS
from alexnet.lecture.slides import check_slides
from alexnet.studies.answers import answers
from alexnet.studies.measurements import shipped_results, shipped_studies
from alexnet.studies.registry import STUDIES
from alexnet.studies.report.lecture.drawing import Bar
from alexnet.studies.report.lecture.drawings import DRAWINGS
from alexnet.studies.report.lecture.page import lecture_html
from alexnet.studies.report.phrases import StudyWords

ROOT = Path(__file__).parents[3]
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def pages() -> dict[Lang, str]:
    return {lang: lecture_html(answers([], shipped_studies()), lang) for lang in LANGUAGES}


def section(html: str, anchor: str) -> str:
    """The HTML from a section's start to the next one's."""
    return re.split(r"<section ", html.split(f'id="{anchor}"', 1)[1])[0]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_whole_lecture_is_there_in_its_order(pages: dict[Lang, str], lang: Lang) -> None:
    html, words = pages[lang], StudyWords(lang)
    anchors = [str(one["id"]) for one in Page(html).all("section")]
    assert anchors == [*(one.name for one in SECTIONS), "questions", *(one.anchor for one in QUESTIONS), "legend", "made"]
    for name in [f"section-{one.name}" for one in SECTIONS] + [f"question-{one.number}" for one in QUESTIONS]:
        assert str(escape(say(f"lecture.{name}", lang))) in html
    for slide in check_slides(lang).claims:
        assert str(escape(slide.slide)) in html
        assert str(escape(slide.right)) in html
    for claim in STUDIES:
        assert html.count(f'id="claim-{claim}"') == 1
        assert str(escape(words.claim(claim))) in section(html, f"claim-{claim}")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_question_has_an_answer_a_drawing_and_what_to_run_or_read(pages: dict[Lang, str], lang: Lang) -> None:
    for one in QUESTIONS:
        html = section(pages[lang], one.anchor)
        assert say(f"lecture.answer-{one.number}", lang) in html
        assert "<svg" in html or 'class="rows"' in html or 'class="arms"' in html
        assert "data-copy" in html or 'class="sources"' in html
        assert all(str(escape(command)) in html for command in one.commands)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_headings_are_in_order_ids_are_unique_and_every_link_arrives(pages: dict[Lang, str], lang: Lang) -> None:
    page = Page(pages[lang])
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [identity for _, attributes in page.elements if (identity := attributes.get("id"))]
    assert len(set(ids)) == len(ids)
    assert all(href is not None and href[1:] in ids for href in (a["href"] for a in page.all("a")))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_is_loaded_from_anywhere(pages: dict[Lang, str], lang: Lang) -> None:
    assert_complete_in_itself(Page(pages[lang]))
    assert len(pages[lang].encode()) < 1_000_000


@pytest.mark.parametrize("lang", LANGUAGES)
def test_drawings_have_labels_and_the_pages_colours(pages: dict[Lang, str], lang: Lang) -> None:
    drawings = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", pages[lang], flags=re.DOTALL)]
    assert len(drawings) > 10
    for svg in drawings:
        assert svg.attrib["role"] == "img"
        assert svg.attrib["aria-label"]
        assert not [style for e in svg.iter() if "#" in (style := e.attrib.get("style", ""))]


def test_each_language_is_its_own(pages: dict[Lang, str]) -> None:
    assert not CHINESE.search(re.sub(r"<style>.*?</style>", "", pages["en"], flags=re.DOTALL))
    page = Page(pages["zh"])
    english = re.findall(r"(?:\b[A-Za-z]{3,} ){5,}", page.translated)
    assert english == []  # five English words in a row are a sentence that is not translated
    assert 'lang="zh' in pages["zh"]


def test_a_claim_says_who_measured_it_and_how_surely(pages: dict[Lang, str]) -> None:
    words = StudyWords()
    for claim, answer in answers([], shipped_studies()).by_claim.items():
        box = section(pages["en"], f"claim-{claim}").split('class="claim')[0]
        assert f"alexnet study photos --claims {claim} " in box
        assert all(str(escape(words.arm(one.name))) in box for result in answer.results[:1] for one in result.finding.arms)
        for result in answer.results:
            made_up = " (made-up pictures)" if result.report.made_up else ""
            assert f"this project: {result.report.dataset}{made_up}, " in box
            assert say(f"lecture.verdict_{result.word}", "en") in box
            if result.finding.effect is not None and result.word != "does-not-apply":
                assert words.interval(result.finding.effect) in box
    assert "25% training error in 6 times fewer epochs" in section(pages["en"], "claim-activation")


def test_what_is_not_measured_says_so_with_the_command() -> None:
    html = section(lecture_html(answers([], [])), "claim-dropout")
    assert "not measured yet" in html
    assert "alexnet study photos --claims dropout" in html
    assert 'class="arms"' not in html


def test_the_readers_study_is_shown_first_and_its_names_are_no_markup() -> None:
    dropout = finding(
        "dropout",
        (arm("dropout-fc", 0.1), arm("no-dropout", 0.2)),
        "holds",
        effect("dropout-fc", "no-dropout", 0.1, 0.02),
    )
    html = lecture_html(answers([report([dropout], dataset=HOSTILE, rules=2)], shipped_studies()))
    assert "<script>alert" not in html
    box = section(html, "claim-dropout")
    assert box.index("your study") < box.index("this project")
    assert "+10.0 points" in box.split("your study")[0]


def test_networks_that_still_learn_are_not_said_to_have_learned_nothing() -> None:
    """A shipped study of pooling: 1.9% of the training images are wrong with the average, and that was still falling."""
    studies = [one for one in shipped_studies() if one.command.endswith("cifar10-fitted")]
    box = section(lecture_html(answers([], studies), "en"), "claim-pooling")
    assert "not trained to their end: the error of the arm “average” on its training pictures, 1.9%, was still falling" in box
    assert "needs one that has learned them" not in box


def test_every_drawing_is_used() -> None:
    used = {name for drawings in (*(one.drawings for one in SECTIONS), *(one.drawings for one in QUESTIONS)) for name in drawings}
    assert used == set(DRAWINGS)


def rows(name: str) -> dict[str, str]:
    """A drawing's bars by label."""
    return {bar.label: bar.value for bar in DRAWINGS[name](name, ENGLISH).bars}


def test_drawings_count_what_the_networks_have() -> None:
    assert list(rows("shares").values()) == ["4%", "96%", "92%", "8%"]
    assert rows("parameters-by-layer")["hidden 1, AlexNet"] == "26.2 million"
    assert rows("layer-counts") == {"LeNet": "5", "AlexNet": "8", "VGG-16": "16", "VGG-19": "19", "ResNet-152": "152"}
    assert rows("memory")["weights"] == "244 MB"
    assert rows("kernel-matrix")["60,000 images"] == "14.4 GB"


def test_bars_are_as_long_as_their_numbers_say() -> None:
    for name in ("winners", "systems", "shares"):
        bars: Sequence[Bar] = DRAWINGS[name](name, PageWords("zh")).bars
        longest = max(bars, key=lambda bar: bar.share)
        for bar in bars:
            ratio = float(bar.value.rstrip("%")) / float(longest.value.rstrip("%"))
            assert bar.share / longest.share == pytest.approx(ratio, abs=0.02)


def test_single_results_are_those_of_the_documents() -> None:
    written = (ROOT / "docs" / "results.md").read_text("utf-8")
    for one in shipped_results()["systems"]:
        assert f"| {one.value:.4f} |" in written
        assert one.command.split(" --model ")[0] in written
    for one in shipped_results()["known-causes"]:
        assert f"{one.value:.2f}" in written.split("## Explanations")[1]


def test_the_control_shows_that_colours_harm_where_the_hue_is_the_class() -> None:
    (control,) = (one for one in shipped_studies() if one.dataset == "hues" and one.made_up)
    (found,) = control.findings
    assert (found.claim, found.verdict) == ("colour", "holds")
    errors = {arm.name: arm.mean or 0.0 for arm in found.arms}
    assert max(errors["colour-alone"], errors["geometry"]) < errors["augment-all"] - 0.2
    assert rows("colour-controls")["by hue: the mean colour alone, no shapes"] == percent(errors["colour-alone"])
    box = section(lecture_html(answers([], shipped_studies()), "en"), "claim-colour")
    assert "hues (made-up pictures), 3 seeds" in box
    assert box.index("clothing.zip") < box.index("hues (made-up pictures)")  # a control is not the answer


def test_signals_of_layers_holm_and_what_does_not_apply_are_said() -> None:
    strong, weak = ({"outputs": {"conv1": n, "conv2": n}, "gradients": {"conv1": n, "conv2": 4 * n}} for n in (1.0, 0.1))
    pooling = finding(
        "pooling-gradients",
        (arm("max", 0.1, **strong), arm("average", 0.2, **weak)),
        "holds",
        effect("max", "average", 10.0, 2.0, "gradients"),
        holm=True,
    )
    made = report([pooling], rules=2, not_applicable={"input-size": "All images are square."})
    html = lecture_html(answers([made], []))
    box = section(html, "claim-pooling-gradients").split('class="claim')[0]
    assert "Mean absolute output" in box
    assert "stands if all claims of the study are tested together" in box
    assert "10.0 times" in box
    assert re.findall(r'class="value">([^<]+)<', box) == ["2.00", "0.20"]  # geometric means over the layers
    assert "Does not apply to Fashion-MNIST: All images are square." in section(html, "claim-input-size")


def test_every_measure_has_its_column() -> None:
    moved = finding(
        "shifts",
        (arm("overlapping", 0.1, moved=0.12), arm("side-by-side", 0.1, moved=0.25)),
        "holds",
        effect("a", "b", 0.13, 0.02, "shifts"),
    )
    html = lecture_html(answers([report([moved], rules=2)], shipped_studies()))
    box = section(html, "claim-shifts").split('class="claim')[0]
    assert "predictions that change" in box
    assert re.findall(r'class="value">([^<]+)<', box) == ["12.0%", "25.0%"]
    assert "epochs to 25% training error" in section(html, "claim-activation")


def test_times_gradients_during_training_and_probes_have_columns_and_plots() -> None:
    layers = {"conv1": 2.0, "fc7": 8.0}
    claims = [
        finding(
            "activation-cost",
            (arm("cost-relu", 0.8, step_times={"step": 1.0}), arm("cost-sigmoid", 0.8, step_times={"step": 1.21})),
            "holds",
            effect("cost-relu", "cost-sigmoid", 1.21, 0.02, "seconds"),
        ),
        finding(
            "activation-gradients",
            (arm("gradient-relu", 0.1, gradients_epoch=layers, gradients_end=layers), arm("gradient-sigmoid", 0.2, gradients_epoch=layers)),
            "no-difference",
            effect("gradient-relu", "gradient-sigmoid", 1.0, 0.02, "gradients-epoch"),
            also=(effect("gradient-relu", "gradient-sigmoid", 3.0, 0.1, "gradients-end"),),
        ),
        finding(
            "probes",
            (arm("layers-trained", 0.1, probes={"conv1": 0.5, "fc7": 0.2}), arm("layers-random", 0.6, probes={"conv1": 0.55, "fc7": 0.7})),
            "holds",
            effect("layers-trained", "layers-random", 0.5, 0.02, "probes"),
        ),
    ]
    html = lecture_html(answers([report(claims, rules=2)], []))
    boxes = [section(html, f"claim-{one.claim}").split('class="claim')[0] for one in claims]
    values = [re.findall(r'class="value">([^<]+)<', box) for box in boxes]
    assert values == [["1.00", "1.21"], ["4.00", "4.00"], ["20.0%", "70.0%"]]
    assert "time of a step, with ReLU 1" in boxes[0]
    assert "At the end of training they are 3.00 times as large" in boxes[1]
    assert "Norm of the gradient after the first epoch, layer by layer: ReLU: conv1 2, fc7 8" in boxes[1]
    assert "Error of a linear machine on each layer, layer by layer: all layers trained: conv1 50.0%, fc7 20.0%" in boxes[2]
    assert "Zeiler, Fergus 2013, table 7" in boxes[2]
