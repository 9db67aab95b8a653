"""The page of a comparison: one HTML file that opens anywhere, offline.

The sections are listed in sections.py and their content is in view.py, the layout in pages/templates/comparison.html.j2 and comparison/,
the text in messages/compare.toml. Runs nothing and computes nothing.
"""

from pathlib import Path

from alexnet.comparison.report.sections import sections_of
from alexnet.comparison.report.view import CompareView
from alexnet.comparison.results import Comparison
from alexnet.i18n.phrases import PageWords
from alexnet.i18n.translate import Lang
from alexnet.pages.html import rendered, write_page


def write_comparison(comparison: Comparison, out: Path) -> None:
    """Write the page to `out` atomically."""
    write_page(comparison_page(comparison), out)


def comparison_page(comparison: Comparison, lang: Lang = "en") -> str:
    """The whole page as HTML."""
    view = CompareView(comparison, PageWords(lang))
    return rendered("comparison.html.j2", lang, view=view, sections=sections_of(view))
