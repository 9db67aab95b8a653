"""The head of a run's page: the result in one sentence, the key figures, caveats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from markupsafe import Markup

from alexnet.data.balance import is_uneven
from alexnet.i18n.phrases import ENGLISH, PageWords
from alexnet.i18n.places import data_name, without_home
from alexnet.i18n.units import MISSING, count, finite, percent, readable
from alexnet.runs.remarks import Measured, remarks_on
from alexnet.runs.report.section import RunPage
from alexnet.runs.report.sections import baseline, solver
from alexnet.runs.report.sections.baseline import Comparison
from alexnet.runs.report.sections.curves import best_of, chosen_error, history_of
from alexnet.runs.report.sections.evaluation import Evaluations, first_of, images_role, interval_of, interval_text
from alexnet.runs.report.sections.layers import macs_of, parameters_of, trainable_of
from alexnet.runs.report.sections.recipe import Settings
from alexnet.runs.report.sections.search import Systems
from alexnet.runs.tried import choice_of

IMAGES = {"unseen": "report.pictures_unseen", "validation": "report.pictures_validation", "training": "report.pictures_training"}


@dataclass(frozen=True)
class Head:
    """The content of the head, computed from the report."""

    page: RunPage

    @property
    def title(self) -> str:
        """The model and the data set."""
        about = self.page.about
        usual = ENGLISH.plain("report.run_title", model=about.model, dataset=about.dataset)
        shown = self.page.words.plain("report.run_title", model=about.model, dataset=data_name(about.dataset))
        return shown if about.title == usual else about.title

    @cached_property
    def headline(self) -> Markup:
        """The result in one plain sentence; the number is <strong>, the interval <small>."""
        model, words, judged = readable(self.page.about.model), self.page.words, first_of(self.page)
        if judged:
            images = words.plain(IMAGES[images_role(self.page)], n=count(judged["n"]))
            sentence = self._sentence(model, images, judged)
            if (interval := interval_of(judged)) is None:
                return sentence
            return sentence + words.say("report.headline_interval", low=percent(1 - interval[1]), high=percent(1 - interval[0]))
        return self._headline_untested(model, words)

    def _sentence(self, model: str, images: str, judged: Mapping[str, Any]) -> Markup:
        """The share of images that are right; where classes differ by much in size, first the mean of the classes' shares."""
        right, balanced = percent(1 - judged["top1_error"]), finite(judged.get("balanced_accuracy"))
        sizes = [n for row in judged.get("per_class") or () if (n := finite(row.get("n"))) is not None and n > 0]
        if balanced is None or not is_uneven(sizes):
            return self.page.words.say("report.headline", model=model, right=right, images=images)
        return self.page.words.say("report.headline_uneven", model=model, right=right, images=images, balanced=percent(balanced))

    def _headline_untested(self, model: str, words: PageWords) -> Markup:
        if errors := history_of(self.page).column("validation_error")[1]:
            return words.say("report.headline", model=model, right=percent(1 - errors[-1]), images=words.plain("report.its_validation"))
        name = "report.headline_unreadable" if self._unreadable else "report.headline_untested"
        return words.say(name, model=model, dataset=data_name(self.page.about.dataset))

    @property
    def _unreadable(self) -> bool:
        return Evaluations in self.page.report.damaged

    @property
    def note(self) -> Markup | None:
        """A caveat: nothing was tested, or on images used in training. None for unseen images, or if the evaluations are damaged."""
        if self._unreadable or (first_of(self.page) and images_role(self.page) == "unseen"):
            return None
        if first_of(self.page):
            return self.page.words.say("report.seen_before")
        return self.page.words.say("report.untested_chosen" if best_of(self.page) else "report.untested")

    @property
    def choice(self) -> Markup | None:
        """How a search chose the model, in one sentence."""
        part = self.page.part(Systems)
        return choice_of(part.search, self.page.words) if part is not None and part.search is not None else None

    @property
    def compared(self) -> str | None:
        """What the baseline says of the network, in one sentence."""
        values = baseline.view(self.page)
        sentence = (values or {}).get(baseline.SENTENCE)
        return readable(sentence) if sentence else None

    @cached_property
    def remarks(self) -> tuple[Markup, ...]:
        """What the result means, where it is no better than chance or than the baseline."""
        page, judged = self.page, first_of(self.page)
        settings, comparison = page.part(Settings), page.part(Comparison)
        rows = [row for row in judged.get("per_class") or () if (finite(row.get("n")) or 0) > 0]
        simple = (comparison.baseline if comparison else None) or {}
        return remarks_on(
            Measured(
                model=readable(page.about.model),
                data=without_home(readable((settings.recipe if settings else {}).get("data") or "DATA")),
                counts={readable(row.get("class")): int(row["n"]) for row in rows},
                interval=interval_of(judged),
                validation_error=chosen_error(page),
                baseline=simple if "model" in simple else None,
            ),
            page.words,
        )

    @cached_property
    def figures(self) -> Sequence[tuple[str, str, str]]:
        """The key figures: name, value, and a note below."""
        page, judged, say, number = self.page, first_of(self.page), self.page.words.plain, self.page.words.number
        speeds = sorted(history_of(page).column("images_per_second")[1])
        shown = [
            (say("report.figure_error"), percent(judged.get("top1_error")), interval_text(page, judged)),
            (say("report.figure_judged"), count(judged.get("n")), say("report.note_classes", n=f"{len(page.about.classes):,}")),
            (say("report.figure_time"), page.words.duration(self._seconds), self._epochs),
            (say("report.figure_speed"), number(speeds[len(speeds) // 2] if speeds else None), say("report.note_median")),
            self._parameters,
            (say("report.figure_macs"), number(macs_of(page)), say("report.note_per_picture")),
        ]
        return [figure for figure in shown if figure[1] != MISSING]

    @property
    def _parameters(self) -> tuple[str, str, str]:
        say, number = self.page.words.plain, self.page.words.number
        trainable, total = trainable_of(self.page), parameters_of(self.page)
        note = say("report.note_fitted" if solver.view(self.page) else "report.note_weights")
        if (trainable or 0) < (total or 0):
            note = say("report.note_trainable", n=number(total))
        return say("report.figure_parameters"), number(trainable), note

    @property
    def _seconds(self) -> float | None:
        elapsed = history_of(self.page).column("seconds")[1]
        return self.page.about.seconds if self.page.about.seconds is not None else max(elapsed, default=None)

    @property
    def _epochs(self) -> str:
        epochs = [e for row in history_of(self.page).history if (e := finite(row.get("epoch"))) is not None]
        return self.page.words.plain("report.note_epochs", n=self.page.words.number(max(epochs))) if epochs else ""
