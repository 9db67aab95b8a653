# ruff: noqa: RUF001  # Chinese has its own commas
"""The page of a study, and its lines in a terminal: what they say, in both languages, and that no word breaks them."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import pytest
from tests.pages.reading import Page, assert_complete_in_itself
from tests.studies.invented import CLASSES, HOSTILE, arm, classes_finding, effect, finding, hostile_finding, report, underfitted_finding

from alexnet.errors import BadRun
from alexnet.i18n import translate
from alexnet.i18n.translate import LANGUAGES, Lang, fields_of
from alexnet.studies.claim import Measure
from alexnet.studies.registry import STUDIES
from alexnet.studies.report.page import study_page, write_study
from alexnet.studies.report.phrases import StudyWords, factor, points, ratio
from alexnet.studies.report.plots import band, interval_mark, reach
from alexnet.studies.report.view import StudyView, study_lines

MESSAGES = translate.table()


STUDYS_OWN = ("claims.arm-", "claims.fair-", *(f"claims.{claim}-" for claim in STUDIES))  # published effects stay


def saying(patch: pytest.MonkeyPatch, claims: dict[str, dict[str, str]]) -> None:
    """With these words of claims and arms alone, whatever the program's own are."""
    messages = {name: texts for name, texts in MESSAGES.items() if not name.startswith(STUDYS_OWN)} | claims
    patch.setattr("alexnet.studies.report.phrases.table", lambda: messages)
    patch.setattr("alexnet.i18n.translate.table", lambda: messages)


@pytest.fixture(scope="module", autouse=True)
def _bare_names() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        saying(patch, {})
        yield


@pytest.fixture(scope="module")
def pages() -> dict[Lang, str]:
    return {lang: study_page(report(), lang) for lang in LANGUAGES}


@pytest.fixture(scope="module")
def english(pages: dict[Lang, str]) -> Page:
    return Page(pages["en"])


def svgs(html: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)]


def row_of(html: str, anchor: str) -> str:
    """A claim's row of the verdicts, as text."""
    row = re.search(
        rf'<tr role="row"(?: class="grey")?><th role="rowheader" scope="row"><a href="#{anchor}">.*?</tr>', html, flags=re.DOTALL
    )
    assert row
    return " ".join(re.sub(r"<[^>]*>", " ", row[0]).split())


def section_of(html: str, anchor: str) -> str:
    found = re.search(rf'<section id="{anchor}".*?</section>', html, flags=re.DOTALL)
    assert found
    return found[0]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_headings_are_in_order_and_every_link_arrives(pages: dict[Lang, str], lang: Lang) -> None:
    page = Page(pages[lang])
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [identity for _, attributes in page.elements if (identity := attributes.get("id"))]
    assert len(set(ids)) == len(ids)
    assert all(href is not None and href[1:] in ids for href in (a["href"] for a in page.all("a")))
    sections = [one["id"] for one in page.all("section")]
    claims = ["claim-activation", "claim-weight-decay", "claim-overlap", "claim-augmentation", "claim-dropout"]
    claims += ["claim-pooling", "claim-colour"]
    assert sections == ["verdicts", *claims, "not-applicable", "made"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_is_loaded_from_anywhere(pages: dict[Lang, str], lang: Lang) -> None:
    assert_complete_in_itself(Page(pages[lang]))
    assert len(pages[lang].encode()) < 1_500_000


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_plot_has_a_title_a_label_and_the_pages_colours(pages: dict[Lang, str], lang: Lang) -> None:
    plots = svgs(pages[lang])
    assert len(plots) == 6 + 7 * 2 + 2
    for svg in plots:
        assert svg[0].tag == "title"
        assert svg[0].text
        assert svg.attrib["role"] == "img"
        assert svg.attrib["aria-label"]
        text = ElementTree.tostring(svg, "unicode")
        assert not [style for e in svg.iter() if "#" in (style := e.attrib.get("style", ""))]  # the page's variables alone
        assert not re.search(r"\d\.\d{3}", " ".join(value for e in svg.iter() for key, value in e.attrib.items() if key != "aria-label"))
        ids = {e.attrib["id"] for e in svg.iter() if "id" in e.attrib}
        assert set(re.findall(r'(?:url\(|href=")#([^")]+)', text)) <= ids


def test_tables_have_heads_and_can_be_scrolled_by_keyboard(english: Page) -> None:
    boxes = [one for one in english.all("div") if one.get("class") == "scroll"]
    assert len(english.all("table")) == len(english.all("thead")) == len(boxes)
    assert all(one["tabindex"] == "0" and one["role"] == "region" and one["aria-label"] for one in boxes)
    assert all("scope" in cell for cell in english.all("th"))


def test_the_headline_counts_the_verdicts() -> None:
    assert StudyView(report()).headline.striptags() == (
        "2 of 5 claims hold here (reversed here: 1; no difference that matters: 1; too few to tell: 1; cannot be judged here: 2)"
    )
    assert StudyView(report(), "zh").headline.striptags() == (
        "5 条论断中，2 条在这里成立（结果相反：1；差异可以忽略：1；证据不足：1；在这里无法判断：2）"
    )
    assert StudyView(report([classes_finding()])).headline.striptags() == "augmentation: holds here"
    assert StudyView(report([underfitted_finding()])).headline == "No claim can be judged on Fashion-MNIST at this scale"


def test_verdicts_are_words_and_symbols_with_the_reports_numbers(pages: dict[Lang, str]) -> None:
    html = pages["en"]
    assert "✓ holds here by a factor of at least 1.97 2.36 times 1.97 to 2.84" in row_of(html, "claim-activation")
    assert "×1.31 training time – memory ×1.00 parameters ×2.50 MACs" in row_of(html, "claim-activation")
    assert "25% training error in 6 times fewer epochs Krizhevsky 2012, figure 1; CIFAR-10, a four-layer network" in row_of(
        html, "claim-activation"
    )
    assert "≈ no difference that matters within ±1 points +0.04 points −0.03 to +0.11" in row_of(html, "claim-weight-decay")
    assert "✗ reversed here by at least 1.3 points −2.2 points −3.1 to −1.3 *" in row_of(html, "claim-overlap")
    assert "*" not in row_of(html, "claim-augmentation")  # may be chance among all these claims
    assert "– cannot be judged here too few runs succeeded –" in row_of(html, "claim-dropout")
    assert "○ too few to tell about 4 more seeds would +0.4 points −0.7 to +1.5" in row_of(html, "claim-pooling")
    assert "– cannot be judged here the networks underfit +2.0 points" in row_of(html, "claim-colour")
    assert sum(row.get("class") == "grey" for row in Page(html).all("tr")) == 2
    assert '<svg class="interval"' not in section_of(html, "claim-dropout")


def test_the_paragraph_says_what_came_out_and_what_it_costs() -> None:
    faster, decay, overlap, _, dropout, few, underfitted = (str(claim.paragraph.striptags()) for claim in StudyView(report()).claims)
    assert faster.startswith(
        "Compared: relu against tanh on Fashion-MNIST, with 3 seeds for each, 12,000 training pictures, and errors on 10,000 "
        "test pictures. The "
        "claim's side is faster: it reaches 25% training error in 2.2 epochs (relu), the other in 5.2 (tanh). That is a factor of 2.36"
    )
    assert "25% training error was not reached in 1 of 3 runs (tanh)." in faster
    assert "Cost of the claim's side: 1.31 times the training time, 2.50 times the multiply-accumulates." in faster
    assert "This contradicts the published result" not in faster
    assert "No difference that matters: 12.01% error (decay) against 12.05% (no-decay), a difference of +0.04 points" in decay
    assert "varies by 0.40 points (standard deviation); the choice of the judged pictures alone would make it 0.30" in decay
    assert "In a single run of each, the claim's side is better in about 87% of cases." in decay
    assert "This also stands if all claims of the study are tested together (Holm)." in overlap
    assert "If the difference stays as it is, about 4 more seeds would probably decide." in few
    assert "the arm without the regulariser (augment-none) still misclassifies 52.0% of the training pictures" in underfitted
    assert (
        "After longer training of what fits more slowly: 41.0% (geometry, three times the epochs; training error 20.5%) against "
        "52.0% (augment-all), a difference of +11.0 points (95% interval +9.0 to +13.0)."
    ) in underfitted
    assert "The same difference beside another regulariser: 50.0% (geometry) against 54.0% (augment-none), +4.0 points" in underfitted
    assert "We know of no published measurement" in decay
    assert "The result is the reverse, with more errors on the claim's side: 14.0% (overlapping) against 11.8% (apart)" in overlap
    assert "multiply-accumulates are equal within 2%" in overlap
    assert overlap.endswith(
        "This contradicts the published result. The scale also differs: here pictures of 23 px, 12,000 training pictures, 8 epochs and "
        "0.25 times the network's width; there CIFAR-10, a four-layer network."
    )
    assert "12,000 / 6,000 training pictures" in overlap
    assert "There is no result: too few pairs" in dropout
    unshown = finding("pooling", (arm("max", 0.1), arm("average", 0.1)), "not-shown", effect("max", "average", 0.001, 0.003))
    assert "So the published effect does not show here, which need not contradict it." in StudyView(report([unshown])).claims[0].paragraph


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("not-shown", "may be chance: to 25% training error it took"),
        ("reversed", "the claim's side is slower: to 25%"),
        ("no-difference", "No difference that matters: to 25% training error it took"),
        ("too-few", "too few seeds to tell: to 25% training error it took"),
        ("cannot-be-judged", "For the record: to 25% training error it took"),
    ],
)
def test_epochs_have_sentences_for_every_verdict(verdict: str, said: str) -> None:
    arms = [arm(name, 0.1, epochs_to_target=(3.0, 3.5, 4.0)) for name in ("relu", "tanh")]
    found = finding("activation", arms, verdict, replace(effect("relu", "tanh", 0.9, 1.3, "epochs"), seeds=2))  # type: ignore[arg-type]
    paragraph = StudyView(report([found])).claims[0].paragraph
    assert said in paragraph
    assert "Only 2 pairs of runs count" in paragraph


VERDICTS = ("holds", "reversed", "no-difference", "too-few", "cannot-be-judged")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("measure", [one for one in get_args(Measure) if one != "gradients-end"])  # which stands beside another
def test_every_measure_has_sentences_and_a_line_for_every_verdict(measure: Measure, lang: Lang) -> None:
    further: dict[str, Any] = {"step_times": {"forward": 1.5, "step": 1.25}, "probes": {"conv1": 0.4, "fc7": 0.321}, "moved": 0.17}
    arms = [arm(name, 0.1, epochs_to_target=(3.0, 3.5, 4.0), **further) for name in ("one", "other")]
    said = set()
    for verdict in VERDICTS:
        found = finding("pooling", arms, verdict, effect("one", "other", 1.3, 0.1, measure))  # type: ignore[arg-type]
        paragraph = StudyView(report([found]), lang).claims[0].paragraph
        assert "1.3" in paragraph or "130" in paragraph
        said.add(str(paragraph))
        assert study_lines(report([found]), lang)[0].count("（" if lang == "zh" else "(") >= 1
    assert len(said) == len(VERDICTS)
    shown = {"seconds": "1.50", "probes": "32.1%", "shifts": "17.0%"}.get(measure, "")
    assert any(shown in paragraph for paragraph in said)


def test_arms_show_seeds_changes_fairness_and_failures(pages: dict[Lang, str]) -> None:
    activation = Page(section_of(pages["en"], "claim-activation"))
    assert "11.2% 10.6% to 11.8% 10.9% 11.2% 11.5% 5.6%" in activation.translated
    assert "3 min 12 s 1.23 million 45.6 million 1.3 GB" in activation.translated
    assert 'network.activation = "sigmoid"' in activation.kept
    assert "own-rate" in activation.translated
    assert "5.2 5.0 not reached 5.4 1 min 14 s" in activation.translated
    decay = Page(section_of(pages["en"], "claim-weight-decay"))
    assert "decay-10 no result failed failed failed – – – 1.23 million" in " ".join(decay.translated.replace("▲", "").split())
    assert "the loss became nan" in decay.translated
    overlap = Page(section_of(pages["en"], "claim-overlap"))
    assert "1.3 GB 6,000" in overlap.translated


def test_classes_that_an_arm_helps_and_hurts_most(pages: dict[Lang, str]) -> None:
    text = Page(section_of(pages["en"], "claim-augmentation")).translated
    assert "T-shirt −1.7 pullover −1.7 coat −1.7" in text
    assert "ankle boot +3.1" in text
    assert text.count("+3.1") == 3
    assert "1.23 million" in text
    assert "+1.2 +0.4 to +2.0" in text
    assert "study about" not in text
    assert StudyView(report()).claims[0].class_rows == []


def test_what_does_not_apply_and_how_it_was_made(pages: dict[Lang, str]) -> None:
    assert "input-size These images are square." in Page(section_of(pages["en"], "not-applicable")).translated
    made = Page(section_of(pages["en"], "made"))
    assert "picture size 23 px width of the network ×0.25 share of the training pictures 20% epochs 8 seeds 3" in made.translated
    assert "time of all runs 1 h 12 min overhead besides training 7.3%" in made.translated
    assert "alexnet study fashion-mnist --seeds 3" in made.kept
    assert "momentum = 0.9" in made.kept
    assert "3.12.1" in made.translated


def test_no_english_message_is_left_on_the_chinese_page(pages: dict[Lang, str]) -> None:
    html = pages["zh"]
    assert '<html lang="zh-Hans">' in html
    page = Page(html)
    shown = page.translated + " ".join(
        value for _, attributes in page.elements for key, value in attributes.items() if key == "aria-label" and value
    )
    for name, texts in MESSAGES.items():
        for piece in re.split(r"\{\w+\}|<[^>]*>", texts["en"]) if name.startswith(("study.", "report.")) else ():
            if len(piece.split()) > 1 and piece not in texts["zh"]:
                assert piece.strip() not in shown, name
    names = {
        name for found in report().findings for name in (found.claim, *(one.name for one in found.arms), *(one.fair for one in found.arms))
    }
    kept = {
        "Fashion-MNIST",
        "CIFAR-10",
        "AlexNet",
        "dropout",
        "conv1",
        "conv2",
        "conv3",
        "conv4",
        "conv5",
        "python",
        "a processor",
        "input-size",
        *CLASSES,
        *names,
    }
    for name in sorted(kept, key=len, reverse=True):
        shown = shown.replace(name, "")
    assert re.findall(r"[A-Za-z]{3,}", shown) == []


def test_the_home_folder_is_not_shown() -> None:
    html = study_page(report(dataset="/home/ann/photos", command="alexnet study /home/ann/photos", recipe={"data": "/home/ann/photos"}))
    assert "alexnet study ~/photos" in Page(html).text
    assert "/home" not in html


@pytest.mark.parametrize("lang", LANGUAGES)
def test_hostile_words_stay_text(lang: Lang) -> None:
    attack = {"dataset": HOSTILE, "command": HOSTILE, "environment": {HOSTILE: HOSTILE}, "not_applicable": {HOSTILE: HOSTILE}}
    html = study_page(report([hostile_finding()], recipe={HOSTILE: HOSTILE}, classes=(HOSTILE,), **attack), lang)
    page = Page(html)
    assert len(page.all("script")) == 1
    assert len(page.all("title")) == 1 + len(svgs(html))
    assert "<script>alert(1)" in page.translated + page.kept
    assert "claim-1" in [one["id"] for one in page.all("section")]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_study_without_findings_has_a_page(lang: Lang) -> None:
    html = study_page(report([], scale={}, environment={}), lang)
    assert [one["id"] for one in Page(html).all("section")] == ["not-applicable", "made"]
    assert StudyView(report([])).headline == "No claim could be tested on Fashion-MNIST"
    assert study_lines(report([], not_applicable={}), lang) == []


def test_validation_errors_are_called_so() -> None:
    found = replace(classes_finding(), judged="validation")
    html = study_page(report([found]))
    assert "There is no test set." in html
    assert "errors on 10,000 validation pictures" in html


def test_claims_and_arms_have_the_words_of_their_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {
        "claims.augmentation-claim": {"en": "Augmentation <b>helps</b>.", "zh": "数据增强有用。"},
        "claims.augmentation-question": {"en": "Do crops help?", "zh": "裁剪有用吗？"},
        "claims.arm-augment-all": {"en": "every augmentation", "zh": "全部增强"},
        "claims.fair-same-recipe": {"en": "the same recipe", "zh": "相同的配方"},
    }
    saying(monkeypatch, said)
    text = Page(study_page(report([classes_finding()]))).translated
    assert "Augmentation <b>helps</b> #" in text
    assert "Do crops help?" in text
    assert "Compared: every augmentation against augment-none on" in " ".join(text.split())
    assert "the same recipe" in text
    assert study_lines(report([classes_finding()]), "zh")[0] == (
        "在这里成立，相差至少 0.4 个百分点：数据增强有用：错误率低 1.2 个百分点（95% 置信区间 +0.4 至 +2.0）"
    )


def test_lines_for_the_terminal() -> None:
    assert study_lines(report()) == [
        "holds here, by a factor of at least 1.97: activation: the other side needs 2.36 times the epochs (95% interval 1.97 to 2.84)",
        "no difference that matters, within ±1 points: weight-decay: 0.04 points less error (95% interval −0.03 to +0.11)",
        "reversed here, by at least 1.3 points: overlap: 2.2 points more error instead (95% interval +1.3 to +3.1)",
        "holds here, by at least 0.4 points: augmentation: 1.2 points less error (95% interval +0.4 to +2.0)",
        "cannot be judged here, too few runs succeeded: dropout",
        "too few to tell, about 4 more seeds would: pooling: 0.4 points less error (95% interval −0.7 to +1.5)",
        "cannot be judged here, the networks underfit: colour: 2.0 points less error (95% interval +1.1 to +2.9)",
        "does not apply: input-size: These images are square.",
    ]
    assert "\x1b" not in study_lines(report([replace(hostile_finding(), claim="\x1b[31m")]))[0]


def test_intervals_lie_on_one_axis_with_no_effect_in_its_middle() -> None:
    wide, narrow, faster = effect("a", "b", -0.02, 0.02), effect("a", "b", 0.01, 0.005), effect("a", "b", 2.0, 2.0, "epochs")
    half = reach([wide, narrow])
    assert half == pytest.approx(0.04)

    def places(mark: str) -> list[float]:
        return [float(figure) for figure in re.findall(r'whisker" d="M([\d.]+) \d+H([\d.]+)"', mark)[0]]

    words = StudyWords("en")
    assert places(interval_mark(wide, half, words)) == [6.0, 75.0]
    low, high = places(interval_mark(narrow, half, words))
    assert (low, high) == pytest.approx((75 + 69 / 8, 75 + 69 * 3 / 8), abs=0.06)
    assert places(interval_mark(faster, reach([faster]), words)) == [75.0, 144.0]
    endless = replace(faster, interval=(0.001, 1000.0))
    assert reach([faster, endless]) == reach([faster])
    assert words.interval(endless) == "≤0.001 to ≥1000"
    assert places(interval_mark(endless, reach([faster]), words)) == [6.0, 144.0]


def test_a_band_holds_mean_lowest_and_highest_seed() -> None:
    first = [{"epoch": 1.0, "training_error": 0.5}, {"epoch": 2.0, "training_error": 0.2}]
    second = [{"epoch": 1.0, "training_error": 0.7}, {"epoch": 2.0, "training_error": float("nan")}]
    found = band("relu", 0, [first, second], validation=False)
    assert found is not None
    assert (list(found.epochs), found.mean, found.low, found.high) == ([1.0, 2.0], [0.6, 0.2], [0.5, 0.2], [0.7, 0.2])
    assert band("relu", 0, [first, second], validation=True) is None
    long = band("relu", 0, [[{"epoch": float(i), "training_error": 1 / i} for i in range(1, 1_001)]], validation=False)
    assert long is not None
    assert len(long.epochs) <= 40
    assert long.epochs[0] == 1
    assert long.epochs[-1] == 1_000


def test_figures() -> None:
    close = StudyWords("en").interval(effect("a", "b", 0.0103, 0.01))
    assert close == "+0.03 to +2.03"
    assert [points(d) for d in (0.0123, -0.004, 0.0, -0.0001, None)] == ["+1.2", "−0.4", "0.0", "0.0", "–"]
    assert [factor(f) for f in (2.3071, 12.34, 1, 0.031, 1234.0, float("inf"))] == ["2.31", "12.3", "1.00", "0.031", "1.23e+03", "–"]
    assert [ratio(r) for r in (1.306, None)] == ["×1.31", "–"]


def test_all_fields_of_the_pages_messages_are_filled_in(pages: dict[Lang, str]) -> None:
    fields = {field for name, texts in MESSAGES.items() if name.startswith("study.") for field in fields_of(texts["en"])}
    assert fields
    assert not [field for field in fields if "{" + field + "}" in pages["en"]]


def test_the_page_is_written_whole_and_the_same_each_time(tmp_path: Path, pages: dict[Lang, str]) -> None:
    out = tmp_path / "new" / "report.html"
    write_study(report(), out)
    assert out.read_text("utf-8") == pages["en"]
    with pytest.raises(BadRun, match="is a folder, but the report is a file"):
        write_study(report([]), tmp_path)


def test_every_study_has_its_words_on_the_page() -> None:
    with pytest.MonkeyPatch.context() as patch:
        saying(patch, {name: texts for name, texts in MESSAGES.items() if name.startswith("claims.")})
        for study in STUDIES.values():
            arms = [arm(one.name, 0.1, fair=one.fair, curves=()) for one in study.arms]
            found = finding(study.claim, arms, "cannot-be-judged", None, better=study.better, worse=study.worse, section=study.section)
            view = StudyView(report([found]), "zh").claims[0]
            shown = [view.title, view.question, *(one.name for one in view.arms), *(view.words.fair(one.fair) for one in study.arms)]
            names = {study.claim, *(one.fair for one in study.arms)}
            assert not names & set(shown)
            assert all(shown)


def test_networks_that_underfit_are_named() -> None:
    def shown(training_error: float, lang: Lang = "en") -> str:
        arms = (arm("decay", 0.30, training_error=training_error), arm("no-decay", 0.31, training_error=training_error))
        return study_page(report([finding("weight-decay", arms, "not-shown", None, better="decay", worse="no-decay")]), lang)

    assert "These networks underfit: for half of the arms, the error on training pictures is at most 1.5 points lower" in shown(0.29)
    assert "欠拟合" in shown(0.29, "zh")
    assert "underfit" not in shown(0.2)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_rates_that_were_tried_are_shown_and_the_chosen_one_is_bold(lang: Lang) -> None:
    html = study_page(report([underfitted_finding()]), lang)
    assert "<b>0.02" in html
    assert html.count('class="rate"') == 3
    assert "0.01: 51.0%" in html.replace("：", ": ")
