"""What a result means for readers without statistics: how many more of 100 new images are classified correctly, and what to do with it."""

import math
from collections.abc import Callable

from markupsafe import Markup

from alexnet.studies.claim import PATIENT
from alexnet.studies.findings import Effect, Finding
from alexnet.studies.report.phrases import StudyWords

HUNDRED = 100  # images
WHOLE, TENTH = 3.0, 0.1  # so many images and more are counted in whole ones, in tenths
GISTS = {"holds": "study.gist_holds", "reversed": "study.gist_reversed", "no-difference": "study.gist_same", "too-few": "study.gist_few"}
PATIENT_GISTS = {"holds": "study.gist_patient_holds", "reversed": "study.gist_patient_reversed", "too-few": "study.gist_patient_few"}


def gist(finding: Finding, words: StudyWords, *, margin: float) -> list[Markup]:
    """One or two sentences; none where errors are not compared, or where nothing can be said. margin: as a share."""
    effect, name = finding.effect, GISTS.get(finding.verdict)
    if effect is None or name is None or finding.measure != "error":
        return []
    told = _told(name, finding, effect, words, margin=margin)
    use = words.use(finding.claim)
    return [told, *_patient(finding, words), *([use] if use else [])]


def _patient(finding: Finding, words: StudyWords) -> list[Markup]:
    """What longer training of the side that fits more slowly makes of the difference, where that is another result or both are unclear."""
    effect = next((one for one in finding.also if PATIENT in one.better + one.worse and one.measure == finding.measure), None)
    if effect is None:
        return []
    low, high = effect.interval
    verdict = "too-few" if low <= 0 <= high else "holds" if low > 0 else "reversed"
    if (verdict == finding.verdict) != (verdict == "too-few"):
        return []
    return [_told(PATIENT_GISTS[verdict], finding, effect, words)]


def _told(name: str, finding: Finding, effect: Effect, words: StudyWords, *, margin: float = 0.0) -> Markup:
    """The message about the claim's two arms, with an effect in images of a hundred."""
    low, high = effect.interval
    return words.say(
        name,
        better=words.arm(finding.better),
        worse=words.arm(finding.worse),
        about=about(abs(effect.difference)),
        least=at_least(min(abs(low), abs(high))),
        more=at_most(max(0.0, high)),
        fewer=at_most(max(0.0, -low)),
        margin=f"{HUNDRED * margin:g}",
    )


def about(share: float) -> str:
    """How many of 100 images: 0.0527 -> "5", 0.0127 -> "1.3"."""
    return _text(share, round)


def at_least(share: float) -> str:
    """How many of 100 images, rounded down: 0.0478 -> "4", 0.0039 -> "0.3"."""
    return _text(share, math.floor)


def at_most(share: float) -> str:
    """How many of 100 images, rounded up: 0.0471 -> "5", 0.0031 -> "0.4"."""
    return _text(share, math.ceil)


def _text(share: float, rounded: Callable[[float], int]) -> str:
    """In whole images; in tenths or hundredths of one where there are few."""
    images = round(HUNDRED * share, 9)
    parts = 1 if images >= WHOLE else 10 if images >= TENTH else 100
    return f"{rounded(parts * images) / parts:g}"
