# ruff: noqa: RUF001  # Chinese has its own commas
"""The result of a claim for readers without statistics: images of a hundred, never more certain than the interval."""

from dataclasses import replace

import pytest
from tests.studies.invented import arm, effect, finding, report

from alexnet.studies.findings import Finding, Verdict
from alexnet.studies.report.gist import about, at_least, at_most, gist
from alexnet.studies.report.page import study_page
from alexnet.studies.report.phrases import StudyWords
from alexnet.studies.report.view import StudyView, study_lines

ENGLISH = StudyWords("en")


def augmentation(verdict: Verdict, difference: float, half: float) -> Finding:
    arms = (arm("geometry", 0.3), arm("augment-none", 0.3 + difference))
    return finding("augmentation", arms, verdict, effect("geometry", "augment-none", difference, half))


def told(verdict: Verdict, difference: float, half: float) -> str:
    """The first sentence, without its emphasis."""
    return gist(augmentation(verdict, difference, half), ENGLISH, margin=0.01)[0].striptags()


@pytest.mark.parametrize(
    ("verdict", "difference", "half", "said"),
    [
        (
            "holds",
            0.0667,
            0.0189,
            "In short: with crops and mirrors, about 7 more of 100 new pictures come out right than with no augmentation, and very "
            "probably at least 4.",
        ),
        (
            "reversed",
            -0.021,
            0.0189,
            "In short: with crops and mirrors, about 2.1 fewer of 100 new pictures come out right than with no augmentation, and very "
            "probably at least 0.2 fewer.",
        ),
        (
            "no-difference",
            0.001,
            0.0071,
            "In short: it hardly matters. Whether with crops and mirrors or with no augmentation, the number of 100 new pictures that "
            "come out right very probably differs by less than 1.",
        ),
        (
            "too-few",
            0.052,
            0.0613,
            "In short: this is not settled yet. With crops and mirrors, of 100 new pictures up to 12 more may come out right than with no "
            "augmentation, or up to 1 fewer.",
        ),
    ],
)
def test_each_verdict_is_told_in_images_of_a_hundred(verdict: Verdict, difference: float, half: float, said: str) -> None:
    assert told(verdict, difference, half) == said


def test_what_to_do_follows_in_both_languages() -> None:
    holds = augmentation("holds", 0.0667, 0.0189)
    assert "--augment.flip false" in gist(holds, ENGLISH, margin=0.01)[1]
    chinese = [part.striptags() for part in gist(holds, StudyWords("zh"), margin=0.01)]
    assert chinese[0] == "简单说：每 100 张新图片，裁剪和水平翻转大约比不做增广多认对 7 张，很可能至少多认对 4 张。"
    assert "--augment.flip false" in chinese[1]


def test_nothing_is_told_where_nothing_can_be_judged_or_no_errors_are_compared() -> None:
    assert gist(augmentation("cannot-be-judged", 0.05, 0.01), ENGLISH, margin=0.01) == []
    epochs = next(one for one in report().findings if one.measure == "epochs")
    assert gist(epochs, ENGLISH, margin=0.01) == []


@pytest.mark.parametrize(
    ("share", "least", "nearest", "most"),
    [(0.0478, "4", "5", "5"), (0.0039, "0.3", "0.4", "0.4"), (0.0009, "0.09", "0.09", "0.09"), (0.0, "0", "0", "0")],
)
def test_bounds_are_rounded_away_from_certainty(share: float, least: str, nearest: str, most: str) -> None:
    assert (at_least(share), about(share), at_most(share)) == (least, nearest, most)


def test_the_title_of_a_study_of_one_claim_is_its_verdict() -> None:
    only = report([augmentation("holds", 0.0667, 0.0189)])
    assert StudyView(only).headline.striptags() == "Crops and mirrors together err less than no augmentation: holds here"


def test_a_single_claim_says_it_below_the_title_and_several_say_it_one_by_one() -> None:
    holds = augmentation("holds", 0.0667, 0.0189)
    for findings in ([holds], [holds, augmentation("reversed", -0.03, 0.01)]):
        head, rest = study_page(report(findings)).split("</header>", 1)
        assert head.count("In short: with <strong>crops and mirrors</strong>") == (len(findings) == 1)
        assert rest.count("In short") == (0 if len(findings) == 1 else 2)


def test_a_terminal_tells_it_of_a_single_claim() -> None:
    holds = augmentation("holds", 0.0667, 0.0189)
    lines = study_lines(report([holds]))
    assert lines[0].startswith("holds here, by at least 4.8 points: Crops and mirrors")
    assert lines[1:3] == [part.striptags() for part in gist(holds, ENGLISH, margin=0.01)]
    assert "In short" not in " ".join(study_lines(report([holds, augmentation("reversed", -0.03, 0.01)])))


@pytest.mark.parametrize(
    ("verdict", "difference", "half", "said"),
    [
        ("too-few", 0.09, 0.06, "Trained longer where it fits more slowly: with crops and mirrors, about 9 more of 100"),
        ("holds", -0.09, 0.06, "Trained longer where it fits more slowly: with crops and mirrors, about 9 fewer of 100"),
        ("holds", 0.09, 0.06, ""),
        ("too-few", 0.05, 0.06, "Trained longer where it fits more slowly, up to 11 more may come out right"),
        ("holds", 0.05, 0.06, ""),
    ],
)
def test_what_longer_training_makes_of_it_is_told_where_it_is_another_result(
    verdict: Verdict, difference: float, half: float, said: str
) -> None:
    longer = effect("geometry-patient", "augment-none", difference, half)
    sentences = gist(replace(augmentation(verdict, 0.02, 0.03), also=[longer]), ENGLISH, margin=0.01)
    found = [sentence.striptags() for sentence in sentences if "Trained longer" in sentence]
    assert [sentence.startswith(said) for sentence in found] == ([True] if said else [])
