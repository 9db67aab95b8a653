"""What a run says about its own result, on the screen and under the headline of its page."""

import re
from typing import Any

import pytest

from alexnet.i18n.phrases import PageWords
from alexnet.i18n.translate import Lang
from alexnet.runs.remarks import Measured, remarks_on

GOOD: dict[str, Any] = {
    "model": "alexnet",
    "data": "my photos",
    "counts": {"cat": 60, "dog": 40},
    "interval": (0.05, 0.2),
    "validation_error": 0.1,
    "baseline": {"model": "hog-svm", "kernel": "linear", "validation_error": 0.3, "seconds": 2.0},
}


def said(lang: Lang = "en", **changes: Any) -> str:
    return "\n".join(remark.striptags() for remark in remarks_on(Measured(**(GOOD | changes)), PageWords(lang)))


@pytest.mark.parametrize(
    "changes",
    [{}, {"baseline": None}, {"counts": {"cat": 100, "dog": 0}, "interval": (0.0, 0.04)}, {"interval": None}, {"counts": {}}],
    ids=["good", "no baseline", "one class alone", "nothing judged", "no counts"],
)
def test_a_good_result_needs_no_remark(changes: dict[str, Any]) -> None:
    assert said(**changes) == ""


@pytest.mark.parametrize("interval", [(0.35, 0.55), (0.2, 0.4), (0.8, 0.95)])
def test_a_run_at_chance_says_so_and_what_to_try(interval: tuple[float, float]) -> None:
    text = said(interval=interval)
    assert "not shown to be better than always answering 'cat', which has an error of 40.0% on these 100 pictures" in text
    assert all(word in text for word in ("--epochs", "--budget", "--image-size", "alexnet train 'my photos' --model hog-svm"))
    assert "--model fisher-svm" in said(interval=interval, model="hog-svm", baseline=None)
    assert said(interval=(0.2, 0.39)) == ""


def test_a_baseline_that_is_better_is_named_by_what_it_is() -> None:
    text = said(validation_error=0.65, baseline=GOOD["baseline"] | {"validation_error": 0.4})
    assert "HOG features under a linear SVM, fitted in 2.0 s, make fewer mistakes on the validation pictures: 40.0%, against 65.0%" in text
    assert text.endswith("alexnet train 'my photos' --model hog-svm")
    assert not re.search(r"hog-svm(?!$)", text), "one name for one system: the baseline is linear"


def test_remarks_in_chinese() -> None:
    text = said("zh", interval=(0.3, 0.5), validation_error=0.65)
    assert "总是回答“cat”" in text
    assert "线性 SVM" in text
    assert not re.search("better|try|fitted", text)
