"""What a result means, in words: no better than always the same answer, or worse than the baseline, each with what to try."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from alexnet.i18n.phrases import ENGLISH, PageWords, baseline_name
from alexnet.i18n.units import MISSING, finite, percent
from alexnet.models.kinds import HANDCRAFTED, kind_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What is known of a finished run.

    data: as `alexnet train` takes it. counts: judged images per class. interval: 95%, of their error. baseline: the values of a Baseline.
    """

    model: str
    data: str
    counts: Mapping[str, int]
    interval: tuple[float, float] | None
    validation_error: float | None
    baseline: Mapping[str, Any] | None


def remarks_on(measured: Measured, words: PageWords = ENGLISH) -> tuple[Markup, ...]:
    """Sentences, as HTML, about a result that is not what a user trains for; empty for a good one."""
    return (*_at_chance(measured, words), *_behind_the_baseline(measured, words))


def _at_chance(measured: Measured, words: PageWords) -> tuple[Markup, ...]:
    """Whether the interval of the error reaches that of always answering the most frequent class."""
    judged = sum(measured.counts.values())
    if measured.interval is None or not judged:
        return ()
    name, most = max(measured.counts.items(), key=lambda one: one[1])
    chance = 1 - most / judged
    if chance == 0 or measured.interval[1] < chance:
        return ()
    what = words.say("report.at_chance", model=measured.model, answer=name, chance=percent(chance), n=f"{judged:,}")
    tried = "report.at_chance_handcrafted" if kind_of(measured.model) is HANDCRAFTED else "report.at_chance_network"
    return what, words.say(tried, data=shlex.quote(measured.data))


def _behind_the_baseline(measured: Measured, words: PageWords) -> tuple[Markup, ...]:
    baseline, own = measured.baseline or {}, measured.validation_error
    error = finite(baseline.get("validation_error"))
    if own is None or error is None or error >= own:
        return ()
    seconds = finite(baseline.get("seconds"))
    figures = {"error": percent(error), "own": percent(own), "time": MISSING if seconds is None else words.duration(seconds)}
    system, data = baseline_name(baseline, words), shlex.quote(measured.data)
    return (words.say("report.behind_baseline", system=system, model=measured.model, data=data, **figures),)
