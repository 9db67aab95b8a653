"""The page of a comparison: one HTML file that opens anywhere, offline.

What it says is compare_view.py, the layout is templates/compare.html.j2, the words are messages/compare.toml. Starts no run and computes
nothing.
"""

from pathlib import Path

from alexnet.experiments.compare_view import CompareView
from alexnet.experiments.comparison import Comparison
from alexnet.experiments.report import rendered, write_page
from alexnet.experiments.report_words import PageWords
from alexnet.language import Lang


def write_comparison(comparison: Comparison, out: Path) -> None:
    """Write the page to `out`, whole or not at all."""
    write_page(comparison_page(comparison), out)


def comparison_page(comparison: Comparison, lang: Lang = "en") -> str:
    """The whole page as HTML."""
    return rendered("compare.html.j2", lang, view=CompareView(comparison, PageWords(lang)), comparison=comparison)
