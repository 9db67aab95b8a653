"""The content of the lecture's page: its sections, claims, slides and questions in words. Independent of HTML but for emphasis."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from alexnet.i18n.places import data_name
from alexnet.i18n.translate import Lang
from alexnet.i18n.units import count, finite
from alexnet.lecture.outline import SECTIONS, SOURCES, LectureSection
from alexnet.lecture.questions import QUESTIONS, Question
from alexnet.lecture.slides import CheckedClaim, SlideCheck, check_slides
from alexnet.lecture.variants import compare_variants, source_lines, variant_lines
from alexnet.studies.answers import Answers, Word
from alexnet.studies.claim import Measure
from alexnet.studies.findings import StudyReport
from alexnet.studies.report.lecture.claim_box import HALVES, STYLES, ClaimBox, badge
from alexnet.studies.report.lecture.drawing import Drawing
from alexnet.studies.report.lecture.drawings import DRAWINGS
from alexnet.studies.report.phrases import StudyWords

FACTORS: tuple[tuple[str, Measure], ...] = (("factor", "epochs"), ("gradients", "gradients"))  # fields of a message
TALLY: tuple[Word, ...] = ("holds", "reversed", "no-difference", "too-few", "cannot-be-judged", "not-measured")


@dataclass(frozen=True)
class PartView:
    """A section of the lecture or a question: what is tested, corrected, drawn, and how to repeat it."""

    row: LectureSection | Question
    whole: "LectureView"

    @property
    def words(self) -> StudyWords:
        """The language of the page."""
        return self.whole.words

    @cached_property
    def claims(self) -> list[ClaimBox]:
        """The claims that this version can study."""
        return [ClaimBox(answer, self.words) for answer in self.whole.answers.of(self.row.claims)]

    @property
    def slides(self) -> list[CheckedClaim]:
        """The slides with their corrections."""
        return [one for one in self.whole.slides.claims if one.name in self.row.slides]

    @cached_property
    def drawings(self) -> list[Drawing]:
        """The drawings, drawn."""
        owner = "q" + str(self.row.number) if isinstance(self.row, Question) else self.row.name
        return [DRAWINGS[name](f"{owner}-{name}", self.words) for name in self.row.drawings]

    @property
    def commands(self) -> list[str]:
        """What to run, besides the studies of the claims."""
        return list(self.row.commands)

    @property
    def sources(self) -> list[Markup]:
        """Where published figures are from."""
        return [self.words.foreign(SOURCES[name]) for name in self.row.sources]


@dataclass(frozen=True)
class SectionView(PartView):
    """A section of the lecture."""

    row: LectureSection

    @property
    def text(self) -> Markup:
        """What the lecture says, in our words."""
        return self.words.say(f"lecture.text-{self.row.name}")

    @property
    def further_claims(self) -> list[ClaimBox]:
        """Of the last section: claims that no section has, such as those that only a question asks about."""
        placed = {claim for section in SECTIONS for claim in section.claims}
        rest = [claim for claim in self.whole.answers.by_claim if claim not in placed]
        return [ClaimBox(answer, self.words) for answer in self.whole.answers.of(rest)]

    @property
    def further_slides(self) -> list[CheckedClaim]:
        """Of the last section: slides that belong to no other."""
        placed = {slide for section in SECTIONS for slide in section.slides}
        return [one for one in self.whole.slides.claims if one.name not in placed]

    @property
    def everything(self) -> list[ClaimBox]:
        """All claims, in the order of the studies."""
        return [ClaimBox(answer, self.words) for answer in self.whole.answers.by_claim.values()]


@dataclass(frozen=True)
class QuestionView(PartView):
    """A question of the audience."""

    row: Question

    @property
    def asked(self) -> str:
        """When it was asked."""
        return self.words.plain("lecture.asked_at", time=self.row.asked)

    @property
    def by(self) -> str:
        """What answers it."""
        return self.words.plain(f"lecture.by_{self.row.by}")

    @property
    def text(self) -> Markup:
        """The answer."""
        return self.words.say(f"lecture.answer-{self.row.number}")

    @property
    def arms_of(self) -> ClaimBox | None:
        """The claim whose arms are its drawing, if it has no other."""
        return None if self.row.drawings or not self.claims else self.claims[0]

    @property
    def variants(self) -> list[tuple[str, str, str]]:
        """Of the question about the design: the variants, difference by difference."""
        return variant_lines(compare_variants(self.words.lang), self.words.lang) if "--variants" in " ".join(self.commands) else []

    @property
    def variant_sources(self) -> list[Markup]:
        """The source of each variant."""
        return [self.words.foreign(line) for line in source_lines("en")]


@dataclass(frozen=True)
class LectureView:
    """The whole page in one language."""

    answers: Answers
    lang: Lang

    @cached_property
    def words(self) -> StudyWords:
        """The language of the page."""
        return StudyWords(self.lang)

    @cached_property
    def slides(self) -> SlideCheck:
        """The slides, checked."""
        return check_slides(self.lang)

    @cached_property
    def sections(self) -> list[SectionView]:
        """The lecture in its order."""
        return [SectionView(row, self) for row in SECTIONS]

    @cached_property
    def questions(self) -> list[QuestionView]:
        """The audience's questions in their order."""
        return [QuestionView(row, self) for row in QUESTIONS]

    @property
    def lead(self) -> Markup:
        """What this page is."""
        parts = [self.words.say("lecture.lead", questions=len(QUESTIONS))]
        if self.answers.yours:
            names = self.words.plain("report.counted_comma").join(data_name(one.dataset) for one in self.answers.yours)
            parts.append(self.words.say("lecture.lead_yours", names=names))
        return self.words.sentences(parts)

    @property
    def tally(self) -> list[tuple[str, str, str]]:
        """How many claims have each verdict, and how many slides are corrected: number, what, CSS class."""
        found = Counter(answer.word for answer in self.answers.by_claim.values())
        rows = [(str(found[word]), self.words.plain(f"lecture.tally_{word}"), STYLES[word][1]) for word in TALLY if found[word]]
        return [*rows, (str(len(self.slides.claims)), self.words.plain("lecture.tally_slides"), "")]

    @property
    def legend(self) -> list[tuple[tuple[str, str, str], str]]:
        """Each verdict with its meaning."""
        return [(badge(word, self.words), self.words.plain(f"lecture.legend_{word}")) for word in STYLES]

    @property
    def marks(self) -> str:
        """How to read the small plots."""
        factors = {name: f"{math.exp(HALVES[measure]):.2g}" for name, measure in FACTORS}
        return self.words.plain("lecture.legend_mark", points=f"{100 * HALVES['error']:.0f}", **factors)

    @property
    def studies(self) -> list["StudyRow"]:
        """The studies on the page, the reader's first."""
        yours = [StudyRow(one, self.words, yours=True) for one in self.answers.yours]
        return [*yours, *(StudyRow(one, self.words, yours=False) for one in self.answers.shipped)]


@dataclass(frozen=True)
class StudyRow:
    """A study as a row of the page's last table."""

    report: StudyReport
    words: StudyWords
    yours: bool

    @property
    def name(self) -> str:
        """Whose it is, and of which data."""
        whose = self.words.plain("lecture.yours" if self.yours else "lecture.ours")
        return self.words.plain("lecture.study_of", dataset=data_name(self.report.dataset), whose=whose)

    @property
    def cells(self) -> Sequence[str]:
        """Claims, seeds, images to train on and to judge by, minutes, scale."""
        report = self.report
        scale = {name: self.words.number(report.scale.get(name)) for name in ("size", "width", "epochs")}
        minutes = finite(report.seconds)
        return (
            str(len(report.findings)),
            str(report.seeds),
            count(report.n_train),
            count(report.n_judged),
            count(round((minutes or 0.0) / 60)),
            self.words.plain("lecture.scale", **scale),
        )
