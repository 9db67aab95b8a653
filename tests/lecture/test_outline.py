# Chinese has its own full stop
"""The rows of the lecture's page: 19 questions, sections, their texts and sources."""

import re
from itertools import pairwise

import pytest

from alexnet.i18n.translate import LANGUAGES, Lang, say, table
from alexnet.lecture.outline import SECTIONS, SOURCES
from alexnet.lecture.questions import QUESTIONS
from alexnet.lecture.slides import check_slides
from alexnet.studies.registry import STUDIES

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_the_audience_asked_19_questions_one_after_the_other() -> None:
    assert [one.number for one in QUESTIONS] == list(range(1, 20))
    seconds = [int(minute) * 60 + int(second) for minute, second in (one.asked.split(":") for one in QUESTIONS)]
    assert all(before < after for before, after in pairwise(seconds))


def test_every_row_has_its_texts() -> None:
    keys = [f"{kind}-{one.name}" for one in SECTIONS for kind in ("section", "short", "text")]
    keys += [f"{kind}-{one.number}" for one in QUESTIONS for kind in ("question", "answer")]
    for key in keys:
        texts = table()[f"lecture.{key}"]
        assert CHINESE.search(texts["zh"]) or key == "short-activation", key  # ReLU is its name in both
        assert not CHINESE.search(texts["en"]), key


def test_no_text_is_left_over() -> None:
    rows = {"section": {one.name for one in SECTIONS} | {"made"}, "question": {str(one.number) for one in QUESTIONS}}
    rows |= {"text": rows["section"] - {"made"}, "short": rows["section"], "answer": rows["question"]}
    for kind, names in rows.items():
        assert {name.removeprefix(f"lecture.{kind}-") for name in table() if name.startswith(f"lecture.{kind}-")} == names


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_no_experiment_answers_has_three_sentences_and_sources(lang: Lang) -> None:
    unanswered = [one for one in QUESTIONS if one.by == "sources"]
    assert [one.number for one in unanswered] == [1, 3, 10, 16]
    for one in unanswered:
        text = say(f"lecture.answer-{one.number}", lang)
        assert len(re.findall(r"。" if lang == "zh" else r"[a-z>]\.(?: |$)", text)) == 3, text
        assert one.sources


def test_every_source_is_used_and_known() -> None:
    used = {source for sources in (*(one.sources for one in SECTIONS), *(one.sources for one in QUESTIONS)) for source in sources}
    assert used == set(SOURCES)


def test_claims_are_in_one_section_and_what_answers_a_question_exists() -> None:
    placed = [claim for one in SECTIONS for claim in one.claims]
    assert len(placed) == len(set(placed))
    assert all(set(one.claims) & set(STUDIES) for one in QUESTIONS if one.by == "study")
    assert {slide for one in QUESTIONS for slide in one.slides} <= {claim.name for claim in check_slides("en").claims}
