"""The sentences of a comparison said again in another language: it keeps them in English, and the figures that they follow from."""

from collections.abc import Iterator

from alexnet.experiments.comparison import Comparison, choice_of, crossings_of
from alexnet.experiments.remarks import remarks_on
from alexnet.experiments.report_words import ENGLISH, PageWords


def said_again(comparison: Comparison, words: PageWords) -> dict[str, str]:
    """English sentence -> the same in that language.

    Sentences that do not follow from the figures alone (pictures that not all systems judged, why a cell failed) are not in it, nor is one
    that another version of the program said differently: they stay as they were written.
    """
    return dict(zip(_sentences(comparison, ENGLISH), _sentences(comparison, words), strict=True))


def _sentences(comparison: Comparison, words: PageWords) -> Iterator[str]:
    yield choice_of(comparison.systems, comparison.pairs, words).reason
    for crossing in crossings_of(comparison.systems, comparison.pairs, words):
        yield crossing.sentence
    yield from remarks_on(comparison.words, comparison.cells, comparison.pairs, {}, comparison.seconds, words)
