"""What counts among several results of a claim, and how verdicts of earlier versions are read."""

from dataclasses import replace

from tests.studies.invented import CLASSES, arm, effect, finding, report

from alexnet.studies.answers import answers, judged
from alexnet.studies.findings import Finding, Verdict
from alexnet.studies.registry import STUDIES


def dropout(training: float, verdict: Verdict = "reversed", difference: float = -0.1, claim: str = "dropout") -> Finding:
    """Dropout on and off; `training`: the error on training images without it."""
    better, worse = STUDIES[claim].better, STUDIES[claim].worse
    arms = (arm(better, 0.55, training_error=training), arm(worse, 0.45, training_error=training))
    return finding(claim, arms, verdict, effect(better, worse, difference, 0.02), better=better, worse=worse)


def test_a_former_verdict_of_networks_that_underfit_is_not_counted() -> None:
    found = judged(report(rules=1), dropout(0.44))
    assert (found.word, found.reason, found.before) == ("cannot-be-judged", "underfits", "reversed")
    assert found.arm is not None
    assert found.arm.name == STUDIES["dropout"].worse
    assert judged(report(rules=1), dropout(0.001)).word == "reversed"


def test_a_former_verdict_of_arms_at_chance_is_not_counted() -> None:
    found = judged(report(classes=CLASSES, rules=1), replace(dropout(0.9, claim="initialisation"), arms=[
        arm(STUDIES["initialisation"].better, 0.9), arm(STUDIES["initialisation"].worse, 0.9001),
    ]))  # fmt: skip
    assert (found.word, found.reason) == ("cannot-be-judged", "at-chance")


def test_what_was_not_shown_is_close_to_nothing_or_too_little() -> None:
    close = replace(dropout(0.001, "not-shown"), effect=effect("a", "b", 0.001, 0.004))
    wide = replace(dropout(0.001, "not-shown"), effect=effect("a", "b", 0.001, 0.04))
    assert [judged(report(rules=1), one).word for one in (close, wide)] == ["no-difference", "too-few"]


def test_two_sides_with_the_same_errors_do_not_apply() -> None:
    found = dropout(0.4, "not-shown")
    same = replace(found, arms=[replace(one, errors=(0.5, 0.4, 0.6)) for one in found.arms])
    assert judged(report(rules=1), same).word == "does-not-apply"


def test_todays_verdicts_are_taken_as_they_are() -> None:
    today = replace(dropout(0.44), verdict="cannot-be-judged", reason="hardly-overfits")
    found = judged(report(rules=2), today)
    assert (found.word, found.reason, found.before) == ("cannot-be-judged", "hardly-overfits", None)
    assert judged(report(rules=2), replace(today, verdict="holds", reason=None)).word == "holds"


def test_the_readers_study_comes_first_and_then_what_decides() -> None:
    ours, open_ = report([dropout(0.001, "holds", 0.1)], rules=2), report([dropout(0.001, "too-few", 0.0)], rules=2)
    yours = report([dropout(0.001, "too-few", 0.001)], rules=2, dataset="mine")
    known = answers([yours], [open_, ours]).by_claim["dropout"]
    assert [(one.yours, one.word) for one in known.results] == [(True, "too-few"), (False, "holds"), (False, "too-few")]
    assert known.word == "too-few"
    assert answers([], [open_, ours]).by_claim["dropout"].word == "holds"


def test_what_nobody_has_measured_is_not_measured() -> None:
    known = answers([], [])
    assert set(known.by_claim) == set(STUDIES)
    assert {one.word for one in known.by_claim.values()} == {"not-measured"}
    assert known.of(["nothing", "dropout"]) == [known.by_claim["dropout"]]


def test_a_claim_that_does_not_apply_to_these_images_is_no_missing_measurement() -> None:
    known = answers([report([], not_applicable={"input-size": "All images are square."}, rules=2)], []).by_claim["input-size"]
    assert known.word == "does-not-apply"
    assert [(one.reason, one.yours) for one in known.not_applicable] == [("All images are square.", True)]


def test_a_verdict_on_made_up_images_is_a_control_and_comes_after_those_on_photographs() -> None:
    photos = report([dropout(0.001, "too-few", 0.001)], rules=2)
    control = report([dropout(0.001, "holds", 0.3)], rules=2, dataset="hues", environment={"images": "hues, version 2"})
    known = answers([], [control, photos]).by_claim["dropout"]
    assert [one.report.made_up for one in known.results] == [False, True]
    assert (known.word, answers([], [control]).by_claim["dropout"].word) == ("too-few", "holds")
