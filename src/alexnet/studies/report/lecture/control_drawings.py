"""A drawing of this project's controls: studies of made-up images, in which it is known what makes the class."""

from alexnet.i18n.phrases import PageWords
from alexnet.i18n.units import count, percent
from alexnet.studies.measurements import shipped_studies
from alexnet.studies.report.lecture.drawing import Bar, Drawing
from alexnet.studies.report.phrases import StudyWords

ARMS = ("geometry", "augment-all", "colour-alone")
PLACES = {"hues": 3, "shapes": 0}  # the colours of their bars


def colour_controls(_: str, words: PageWords) -> Drawing:
    """Errors with and without random colours, and of the mean colour alone: where the hue is the class, and where it is not."""
    names = StudyWords(words.lang)
    found = [(report, one) for report in shipped_studies() if report.dataset in PLACES for one in report.findings if one.claim == "colour"]
    bars = [
        Bar(
            label=words.plain(f"lecture.row-{report.dataset}", arm=names.arm(arm.name)),
            share=arm.mean or 0.0,
            value=percent(arm.mean),
            place=PLACES[report.dataset],
            note=words.between(*arm.interval) if arm.interval else "",
        )
        for report, finding in found
        for arm in map(finding.arm, ARMS)
    ]
    judged = count(min((report.n_judged for report, _ in found), default=0))
    commands = "\n".join(report.command for report, _ in found)
    return Drawing(caption=words.plain("lecture.drawing-colour-controls", n=judged), bars=bars, command=commands)
