"""The page of the lecture: one HTML file that opens anywhere, offline.

Its content is in view.py and claim_box.py, its drawings in drawings.py, the layout in pages/templates/lecture.html.j2 and lecture/, the
text in messages/lecture.toml. Runs nothing.
"""

from alexnet.i18n.translate import Lang
from alexnet.pages.html import rendered
from alexnet.studies.answers import Answers
from alexnet.studies.report.lecture.view import LectureView


def lecture_html(answers: Answers, lang: Lang = "en") -> str:
    """The whole page as HTML."""
    return rendered("lecture.html.j2", lang, view=LectureView(answers, lang))
