"""What came out of a claim, in sentences: the figures behind its verdict, or why there is none. Independent of HTML except for emphasis."""

import math
from collections.abc import Mapping

from markupsafe import Markup

from alexnet.i18n.phrases import share
from alexnet.i18n.units import MISSING, finite, percent
from alexnet.studies.claim import PATIENT, TARGET_ERROR
from alexnet.studies.findings import RATIO_MARGIN, Effect, Finding, StudyReport
from alexnet.studies.registry import STUDIES
from alexnet.studies.report.arm_view import ArmView
from alexnet.studies.report.phrases import StudyWords, bare, factor

TARGET = f"{TARGET_ERROR:.0%}"
CLOSE = 0.002  # errors that differ by less are shown with a second decimal
OUTCOMES = {
    ("error", "holds"): "study.error_holds",
    ("error", "reversed"): "study.error_reversed",
    ("error", "no-difference"): "study.error_same",
    ("error", "too-few"): "study.error_few",
    ("error", "not-shown"): "study.error_unshown",
    ("error", "cannot-be-judged"): "study.error_unjudged",
    ("epochs", "holds"): "study.epochs_hold",
    ("epochs", "reversed"): "study.epochs_reversed",
    ("epochs", "no-difference"): "study.epochs_same",
    ("epochs", "too-few"): "study.epochs_few",
    ("epochs", "not-shown"): "study.epochs_unshown",
    ("epochs", "cannot-be-judged"): "study.epochs_unjudged",
    ("gradients", "holds"): "study.gradients_hold",
    ("gradients", "reversed"): "study.gradients_reversed",
    ("gradients", "no-difference"): "study.gradients_same",
    ("gradients", "too-few"): "study.gradients_few",
    ("gradients", "cannot-be-judged"): "study.gradients_unjudged",
    ("shifts", "holds"): "study.shifts_hold",
    ("shifts", "reversed"): "study.shifts_reversed",
    ("shifts", "no-difference"): "study.shifts_same",
    ("shifts", "too-few"): "study.shifts_few",
    ("shifts", "cannot-be-judged"): "study.shifts_unjudged",
    ("gradients-epoch", "holds"): "study.epoch_gradients_hold",
    ("gradients-epoch", "reversed"): "study.epoch_gradients_reversed",
    ("gradients-epoch", "no-difference"): "study.epoch_gradients_same",
    ("gradients-epoch", "too-few"): "study.epoch_gradients_few",
    ("gradients-epoch", "cannot-be-judged"): "study.epoch_gradients_unjudged",
    ("seconds", "holds"): "study.seconds_hold",
    ("seconds", "reversed"): "study.seconds_reversed",
    ("seconds", "no-difference"): "study.seconds_same",
    ("seconds", "too-few"): "study.seconds_few",
    ("seconds", "cannot-be-judged"): "study.seconds_unjudged",
    ("probes", "holds"): "study.probes_hold",
    ("probes", "reversed"): "study.probes_reversed",
    ("probes", "no-difference"): "study.probes_same",
    ("probes", "too-few"): "study.probes_few",
    ("probes", "cannot-be-judged"): "study.probes_unjudged",
}
Sides = tuple[ArmView, ArmView]  # the arm that should be better, and the other


def outcome_sentences(finding: Finding, arms: Mapping[str, ArmView], report: StudyReport, words: StudyWords) -> list[Markup]:
    """The result of a claim, how sure it is, and how often one run of each arm would show it. arms: all of them, by name."""
    study, sides = STUDIES.get(finding.claim), (arms[finding.better], arms[finding.worse])
    why = _why(finding, sides, arms.get(study.unregularised) if study is not None else None, report, words)
    effect, name = finding.effect, OUTCOMES.get((finding.measure, finding.verdict))
    if effect is None or name is None:
        return why or [words.say("study.nothing_said")]
    better, worse = sides
    result = words.say(
        name,
        better=better.name,
        worse=worse.name,
        better_value=_value(finding, better),
        worse_value=_value(finding, worse),
        better_forward=_times(better, "forward"),
        worse_forward=_times(worse, "forward"),
        difference=bare(effect),
        interval=words.interval(effect),
        target=TARGET,
        margin=f"{100 * report.margin:g}",
        factor=factor(RATIO_MARGIN),
    )
    return [
        *why,
        result,
        *_more(finding, words),
        *_holm(finding, words),
        *_noise(effect, max(len(arm.found.errors) for arm in sides), words),
    ]


def also_sentences(finding: Finding, arms: Mapping[str, ArmView], words: StudyWords) -> list[Markup]:
    """The same difference with more epochs for what fits more slowly, beside another regulariser, and by other measures."""
    sentences = []
    for effect in finding.also:
        figures = {"difference": bare(effect), "interval": words.interval(effect)}
        better, worse = arms[effect.better], arms[effect.worse]
        sentences.append(
            words.say(
                _also_name(finding, effect),
                better=better.name,
                worse=worse.name,
                better_value=percent(better.found.mean),
                worse_value=percent(worse.found.mean),
                better_training=percent(better.found.training_error),
                worse_training=percent(worse.found.training_error),
                **figures,
            )
        )
    return sentences


def _also_name(finding: Finding, effect: Effect) -> str:
    """The message for a further comparison."""
    if effect.measure != finding.measure:
        return "study.also_gradients_end" if effect.measure == "gradients-end" else "study.also_gradients"
    return "study.also_patient" if PATIENT in effect.better + effect.worse else "study.also_beside"


def _why(finding: Finding, sides: Sides, unregularised: ArmView | None, report: StudyReport, words: StudyWords) -> list[Markup]:
    """Why a claim cannot be judged; empty if it can, or if there are no runs."""
    if finding.reason is None or finding.reason == "no-runs":
        return []
    better, worse = sides
    plain = unregularised or worse
    name = finding.reason.replace("-", "_")
    if finding.reason == "underfits":
        name = "epochs" if finding.effect is None else "overfits" if finding.needs == "overfits" else "fits"
    return [
        words.say(
            f"study.why_{name}",
            arm=plain.name,
            training=percent(plain.found.training_error),
            judged=percent(plain.found.mean),
            better=better.name,
            worse=worse.name,
            better_training=percent(better.found.training_error),
            worse_training=percent(worse.found.training_error),
            target=TARGET,
            margin=f"{100 * report.margin:g}",
        )
    ]


def _value(finding: Finding, arm: ArmView) -> str:
    if finding.measure == "error":
        effect = finding.effect
        close = effect is not None and abs(effect.difference) < CLOSE and arm.found.mean is not None
        return f"{arm.found.mean:.2%}" if close else percent(arm.found.mean)
    if finding.measure == "shifts":
        return percent(arm.found.moved)
    if finding.measure == "probes":
        return percent(arm.found.last_probe)
    if finding.measure == "seconds":
        return _times(arm, "step")
    return MISSING if arm.epochs is None else f"{arm.epochs:.1f}"


def _times(arm: ArmView, what: str) -> str:
    """The time of a forward pass or of a step, in multiples of a network with ReLU."""
    return factor(arm.found.step_times.get(what))


def _more(finding: Finding, words: StudyWords) -> list[Markup]:
    """What would probably decide; of test images, how many photos that takes."""
    if not finding.more:
        return []
    told = words.say("study.few_more", more=words.more(finding.more))
    by_images = finding.judged == "test" and finding.more.get("seeds") is None and finding.more.get("images") is not None
    return [told, words.say("study.few_photos")] if by_images else [told]


def _holm(finding: Finding, words: StudyWords) -> list[Markup]:
    return [] if finding.holm is None else [words.say("study.holm_stands" if finding.holm else "study.holm_falls")]


def _noise(effect: Effect, runs: int, words: StudyWords) -> list[Markup]:
    """How many pairs count, how the difference varies from seed to seed, and how often one run would show it."""
    sentences = [words.say("study.few_pairs", pairs=effect.seeds)] if effect.seeds < runs else []
    noise = finite(effect.repeat_noise)
    if effect.seeds > 1 and noise is not None:
        sentences.append(_variation(effect, noise, words))
        if (wins := finite(effect.wins)) is not None:
            sentences.append(words.say("study.wins", share=_chance(wins)))
    return sentences


def _variation(effect: Effect, noise: float, words: StudyWords) -> Markup:
    if effect.is_ratio:
        return words.say("study.noise_epochs", noise=f"{100 * math.expm1(noise):.0f}%")
    if not effect.image_noise:
        return words.say("study.noise_error_before", noise=_points(noise))
    return words.say("study.noise_error", noise=_points(noise), images=_points(effect.image_noise))


def _points(noise: float) -> str:
    return f"{100 * noise:.{1 if noise >= 0.01 else 2}f}"


def _chance(wins: float) -> str:
    """A share of cases, never certain: what is estimated from a few seeds ends at 1% and 99%."""
    return share(min(0.99, max(0.01, round(wins, 2))))
