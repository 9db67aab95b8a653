"""`alexnet lecture`: the lecture as one page, answered by the reader's studies and by this project's. Trains nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alexnet.errors import BadRun
from alexnet.i18n.translate import Lang, language_of, say
from alexnet.lecture.questions import QUESTIONS, Question
from alexnet.lecture.slides import SlideCheck, check_slides
from alexnet.pages.html import write_page
from alexnet.runtime.arguments import path_from
from alexnet.storage.files import writing
from alexnet.studies.answers import Answer, Answers, answers
from alexnet.studies.finished import find_study
from alexnet.studies.measurements import shipped_studies
from alexnet.studies.report.lecture.page import lecture_html

FOLDER = Path("runs", "lecture")  # by default
PAGES: dict[Lang, str] = {"en": "lecture.html", "zh": "lecture.zh.html"}
MARK = '<meta name="generator" content="alexnet">'  # of our pages


@dataclass(frozen=True, kw_only=True, slots=True)
class AnsweredQuestion:
    """A question with what answers it.

    answered_by: names of studies, the most important first, separated by commas; or "count" (from the networks), "measurement" (of ours
    that is no study), "sources" (published ones alone). verdict: of the first study, or of the slide in question; None if nothing is
    judged.
    """

    number: int
    question: str
    answered_by: str
    verdict: str | None
    claims: Sequence[Answer] = ()

    def to_json(self) -> dict[str, Any]:
        """An object of the list "questions" of `alexnet lecture --json`."""
        values = {"number": self.number, "question": self.question, "answered_by": self.answered_by, "verdict": self.verdict}
        return values | {"claims": [_claim_json(one) for one in self.claims]}


@dataclass(frozen=True, kw_only=True, slots=True)
class LecturePage:
    """What `lecture_page` has made. page: the file."""

    page: str
    questions: tuple[AnsweredQuestion, ...]

    def to_json(self) -> dict[str, Any]:
        """The keys of `alexnet lecture --json`."""
        return {"page": self.page, "questions": [one.to_json() for one in self.questions]}


def lecture_page(*studies: str | Path, lang: Lang = "en", out: str | Path | None = None) -> LecturePage:
    """Write the lecture as one page: sections, claims, slides and the audience's questions, each answered by measurements.

    studies: folders of finished studies; their results count before this project's own, which fill in the rest. lang: of the page. out:
    the folder to write to, by default runs/lecture; each language has its own file. Raises BadRun for a folder that holds no finished
    study, and if the file to write exists and is not a page of this program.
    """
    language = language_of(lang)
    yours = [find_study(path_from(study, "The folder of the study", BadRun)) for study in studies]
    page = (FOLDER if out is None else path_from(out, "out", BadRun)) / PAGES[language]
    _check_free(page)
    known = answers(yours, shipped_studies())
    write_page(lecture_html(known, language), page)
    return LecturePage(page=str(page), questions=answered(known, language))


def _check_free(page: Path) -> None:
    """Create the folder to write to. Raises BadRun before the work if the page's place is taken."""
    with writing(page):
        page.parent.mkdir(parents=True, exist_ok=True)
    if page.is_dir():
        raise BadRun(f"{page} is a folder, and the page is a file of that name; choose another --out.")
    if page.is_file() and MARK not in page.read_text("utf-8", "replace"):
        raise BadRun(f"{page} exists and is not a page of alexnet; choose another --out.")


def answered(known: Answers, lang: Lang) -> tuple[AnsweredQuestion, ...]:
    """Every question with what answers it."""
    slides = check_slides(lang)
    return tuple(_answered(question, known, slides, lang) for question in QUESTIONS)


def _answered(question: Question, known: Answers, slides: SlideCheck, lang: Lang) -> AnsweredQuestion:
    claims = known.of(question.claims)
    by_studies = question.by == "study" and bool(claims)
    corrected = [one.verdict for one in slides.claims if one.name in question.slides]
    verdict = claims[0].word if by_studies else corrected[0] if corrected else None
    return AnsweredQuestion(
        number=question.number,
        question=say(f"lecture.question-{question.number}", lang),
        answered_by=",".join(one.study.claim for one in claims) if by_studies else question.by,
        verdict=verdict,
        claims=claims,
    )


def _claim_json(answer: Answer) -> dict[str, Any]:
    main = answer.results[0] if answer.results else None
    effect = main.finding.effect if main else None
    return {
        "claim": answer.study.claim,
        "verdict": answer.word,
        "dataset": main.report.dataset if main else None,
        "yours": main is not None and main.yours,
        "difference": effect.difference if effect else None,
        "interval": list(effect.interval) if effect else None,
    }
