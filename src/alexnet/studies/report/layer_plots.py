"""The plots of a claim's layers: the signal before training, gradients after the first epoch and at the end, probes."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from alexnet.i18n.units import finite
from alexnet.studies.findings import ArmFound
from alexnet.studies.report.phrases import StudyWords
from alexnet.studies.report.plots import LayerLine, layer_numbers

KINDS = ("probes", "gradients", "gradients_epoch", "gradients_end", "outputs")  # fields of an ArmFound; each has a message plot_KIND
SHARES = ("probes",)


def layer_plots(anchor: str, arms: Sequence[tuple[str, ArmFound]], words: StudyWords) -> list[Markup]:
    """A plot for each kind that any arm has measured. anchor: begins the ids of the plots. arms: in their order, with names in words."""
    return [drawn for kind in KINDS if (drawn := _plot(kind, anchor, arms, words)) is not None]


def _plot(kind: str, anchor: str, arms: Sequence[tuple[str, ArmFound]], words: StudyWords) -> Markup | None:
    lines = [LayerLine(name, place, _positive(getattr(found, kind))) for place, (name, found) in enumerate(arms)]
    known = [line for line in lines if line.values]
    if not known:
        return None
    title = words.plain(f"study.plot_{kind}")
    return layer_numbers(f"{anchor}-{kind.replace('_', '-')}", title, known, words, shares=kind in SHARES)


def _positive(values: Mapping[str, float]) -> dict[str, float]:
    """The values that a logarithmic axis can show."""
    return {name: value for name, value in values.items() if (known := finite(value)) is not None and known > 0}
