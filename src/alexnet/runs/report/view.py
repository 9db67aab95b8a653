"""What the page says of one run: a RunReport's numbers as sentences, table rows, plots and images. Knows no HTML but emphasis."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from alexnet.i18n.phrases import ENGLISH, SPLITS, PageWords, beside
from alexnet.i18n.units import MISSING, count, finite, percent, readable, toml_text
from alexnet.pages.plots import curves, data_uri, filter_images, finite_points, heat_map, reliability

if TYPE_CHECKING:
    from alexnet.runs.report.record import Mistake, RunReport

MOST_MISTAKES = 24  # thumbnails
MOST_SKIPPED = 200  # rows
MOST_PAIRS = 20  # rows of the most confused pairs
WORST_CLASSES = 20  # bars on the open page; the others are one click away
MOST_MAPPED = 30  # classes of a heat map; with more, the most confused pairs are listed instead

IMAGES = {"unseen": "report.pictures_unseen", "validation": "report.pictures_validation", "training": "report.pictures_training"}
BEST = {"epoch": "report.best_epoch", "step": "report.best_step", "record": "report.best_record"}
SENTENCE = "in a sentence"  # a baseline's


def _interval(evaluation: Mapping[str, Any]) -> tuple[float, float] | None:
    """The 95% interval of the top-1 error, from [low, high] or {"low": ..., "high": ...}."""
    given = evaluation.get("interval")
    if isinstance(given, Mapping):
        given = (given.get("low"), given.get("high"))
    low, high = map(finite, given or (None, None))
    return None if low is None or high is None else (low, high)


@dataclass(frozen=True)
class RunView:
    """What the template asks of one run; `prefix` keeps the anchors of several runs in one page apart."""

    report: "RunReport"
    prefix: str = ""
    words: PageWords = ENGLISH

    @property
    def title(self) -> str:
        """What was trained on what."""
        model, dataset = self.report.model, self.report.dataset
        names = [PageWords(lang).plain("report.run_title", model=model, dataset=dataset) for lang in ("en", self.words.lang)]
        return names[1] if self.report.title == names[0] else self.report.title

    @property
    def counts(self) -> list[tuple[int, str]]:
        """How many images there are for what."""
        longer = {"train": "training", "test": "the final test"}
        return [(n, self.words.known(longer.get(split, split), SPLITS)) for split, n in self.report.counts.items()]

    @cached_property
    def evaluation(self) -> Mapping[str, Any] | None:
        """The first evaluation that judged any image."""
        return next((e for e in self.report.evaluations.values() if e.get("n") and finite(e.get("top1_error")) is not None), None)

    @cached_property
    def kind(self) -> str:
        """What the first evaluation's images are to the model: unseen, or the split that its title names."""
        title = next((title for title, row in self.report.evaluations.items() if row is self.evaluation), "")
        named = re.search("validation|training", title.lower())
        return named[0] if named else "unseen"

    @cached_property
    def headline(self) -> Markup:
        """The result in one plain sentence; the number is <strong>, the interval <small>."""
        model, say = readable(self.report.model), self.words.say
        if self.evaluation is not None:
            images = self.words.plain(IMAGES[self.kind], n=count(self.evaluation["n"]))
            sentence = say("report.headline", model=model, right=percent(1 - self.evaluation["top1_error"]), images=images)
            if (interval := _interval(self.evaluation)) is None:
                return sentence
            return sentence + say("report.headline_interval", low=percent(1 - interval[1]), high=percent(1 - interval[0]))
        if errors := self._column("validation_error")[1]:
            return say("report.headline", model=model, right=percent(1 - errors[-1]), images=self.words.plain("report.its_validation"))
        return say("report.headline_untested", model=model, dataset=readable(self.report.dataset))

    @cached_property
    def figures(self) -> list[tuple[str, str, str]]:
        """The key figures: name, value, and a note under it."""
        judged, speeds, say = self.evaluation or {}, self._column("images_per_second")[1], self.words.plain
        fitted, number = "report.note_fitted" if self.report.solver else "report.note_weights", self.words.number
        frozen = say("report.note_trainable", n=number(self.parameters))
        speed = number(sorted(speeds)[len(speeds) // 2] if speeds else None)
        shown = [
            (say("report.figure_error"), percent(judged.get("top1_error")), self._between(judged)),
            (say("report.figure_judged"), count(judged.get("n")), say("report.note_classes", n=f"{len(self.report.classes):,}")),
            (say("report.figure_time"), self.words.duration(self._seconds), self._epochs),
            (say("report.figure_speed"), speed, say("report.note_median")),
            (
                say("report.figure_parameters"),
                number(self.trainable),
                frozen if (self.trainable or 0) < (self.parameters or 0) else say(fitted),
            ),
            (say("report.figure_macs"), number(self.macs), say("report.note_per_picture")),
        ]
        return [figure for figure in shown if figure[1] != MISSING]

    def _between(self, evaluation: Mapping[str, Any]) -> str:
        interval = _interval(evaluation)
        return self.words.between(*interval) if interval else MISSING

    @property
    def _seconds(self) -> float | None:
        elapsed = self._column("seconds")[1]
        return self.report.seconds if self.report.seconds is not None else max(elapsed, default=None)

    @property
    def _epochs(self) -> str:
        epochs = [e for row in self.report.history if (e := finite(row.get("epoch"))) is not None]
        return self.words.plain("report.note_epochs", n=self.words.number(max(epochs))) if epochs else ""

    @cached_property
    def _axis(self) -> tuple[str, list[Any]]:
        """The unit under the curves, and each history row's place: the first of epoch and step that always grows."""
        for unit in ("epoch", "step"):
            places = [finite(row.get(unit)) for row in self.report.history]
            known = [p for p in places if p is not None]
            if len(known) == len(places) and all(a < b for a, b in pairwise(known)):
                return unit, places
        return "record", list(range(1, len(self.report.history) + 1))

    def _column(self, key: str) -> tuple[list[float], list[float]]:
        return finite_points(self._axis[1], [row.get(key) for row in self.report.history])

    @cached_property
    def views(self) -> list[tuple[str, dict[str, Any]]]:
        """The evaluations as table rows."""
        return [(self.words.view(title), {**row, "between": self._between(row)}) for title, row in self.report.evaluations.items()]

    @cached_property
    def curves(self) -> list[Markup]:
        """Loss, error and learning rate, each if the history has it."""
        say = self.words.plain
        training, validation = say("report.line_training"), say("report.line_validation")
        plots = (
            ("loss", say("report.curve_loss"), {training: "training_loss", validation: "validation_loss"}),
            ("error", say("report.curve_error"), {training: "training_error", validation: "validation_error"}),
            ("rate", say("report.curve_rate"), {say("report.line_rate"): "learning_rate"}),
        )
        drawn = []
        for name, title, keys in plots:
            lines = {label: line for label, key in keys.items() if (line := self._column(key))[0]}
            if lines:
                plot = curves(f"{self.prefix}{name}", title, lines, unit=self._axis[0], percent=name == "error", words=self.words)
                drawn.append(plot)
        return drawn

    @cached_property
    def best(self) -> str:
        """The lowest validation error and where, as a sentence; empty without one."""
        places, errors = self._column("validation_error")
        if not errors:
            return ""
        place = f"{places[errors.index(min(errors))]:g}"
        return self.words.plain(BEST[self._axis[0]], place=place, error=percent(min(errors)))

    @cached_property
    def per_class(self) -> list[dict[str, Any]]:
        """The first evaluation's classes, worst first; classes without images last."""
        rows = [{**row, "class": _class_name(row.get("class"), self._names)} for row in (self.evaluation or {}).get("per_class") or ()]
        return sorted(rows, key=lambda row: -1.0 if (error := finite(row.get("error"))) is None else error, reverse=True)

    @property
    def worst_error(self) -> float:
        """The largest error of a class."""
        return max((error for row in self.per_class if (error := finite(row.get("error"))) is not None), default=0.0)

    @cached_property
    def _names(self) -> Sequence[str]:
        names = (self.evaluation or {}).get("classes")
        return names if isinstance(names, list | tuple) else self.report.classes

    @cached_property
    def _confusion(self) -> NDArray[np.int64]:
        return np.asarray((self.evaluation or {}).get("confusion") or np.zeros((0, 0)), dtype=np.int64)

    @cached_property
    def confused_pairs(self) -> list[tuple[str, str, int, int]]:
        """(true class, predicted class, images, images of the true class), most often confused first."""
        wrong = self._confusion * (1 - np.eye(len(self._confusion), dtype=np.int64))
        worst = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
        cells = [(int(i) // len(wrong), int(i) % len(wrong)) for i in worst]
        totals = self._confusion.sum(axis=1)
        return [(self._names[t], self._names[p], int(wrong[t, p]), int(totals[t])) for t, p in cells if wrong[t, p]]

    @cached_property
    def heat_map(self) -> Markup | None:
        """The confusion matrix as an image; None without one, or with more classes than the eye takes in."""
        if not 0 < len(self._confusion) <= MOST_MAPPED:
            return None
        return heat_map(f"{self.prefix}confusion", self._confusion, self._names, self.words)

    @cached_property
    def reliability(self) -> Markup | None:
        """The reliability diagram, if there are bins."""
        bins = self.report.reliability
        return reliability(f"{self.prefix}calibration", bins, self.words) if bins else None

    @cached_property
    def baseline(self) -> Mapping[str, Any] | None:
        """The system beside a network; its sentence is said anew in another language."""
        kept = self.report.baseline
        if not kept or self.words.lang == "en" or not {SENTENCE, "model", "test_error", "validation_error", "seconds"} <= kept.keys():
            return kept
        error = finite((self.evaluation or {}).get("top1_error"))
        said = {lang: beside(kept, error, PageWords(lang)) for lang in ("en", self.words.lang)}
        return {**kept, SENTENCE: said[self.words.lang]} if kept[SENTENCE] == said["en"] else kept

    @cached_property
    def mistakes(self) -> list[tuple["Mistake", str]]:
        """The mistakes shown, each with its thumbnail as a data: URI."""
        return [(mistake, data_uri(mistake.image)) for mistake in self.report.mistakes[:MOST_MISTAKES]]

    @cached_property
    def filters(self) -> list[str]:
        """The first layer's filters as data: URIs."""
        return [] if self.report.filters is None else filter_images(self.report.filters)

    @cached_property
    def layers(self) -> list[dict[str, Any]]:
        """The layer table; outputs as "96 x 55 x 55"."""
        rows = [(layer, layer.get("output", "")) for layer in self.report.layers]
        return [{**layer, "output": " × ".join(map(str, out)) if isinstance(out, list | tuple) else out} for layer, out in rows]

    @property
    def parameters(self) -> float | None:
        """Those of all layers together, frozen ones too; of a model without layers its own."""
        total = _total(self.report.layers, "parameters")
        return self.report.parameters if total is None else total

    @property
    def trainable(self) -> float | None:
        """The parameters that were trained; reports of earlier versions count frozen ones as well."""
        return self.report.parameters if self.report.parameters is not None else self.parameters

    @property
    def macs(self) -> float | None:
        """The model's multiply-adds per image, or those of all layers together."""
        return self.report.macs if self.report.macs is not None else _total(self.report.layers, "macs")

    @property
    def skipped(self) -> Sequence[Mapping[str, Any]]:
        """The skipped files that are listed."""
        return self.report.skipped[:MOST_SKIPPED]

    @property
    def open_classes(self) -> int:
        """How many classes are on the open page; a handful more is shown rather than hidden."""
        return WORST_CLASSES if len(self.per_class) > MOST_MAPPED else len(self.per_class)

    @cached_property
    def contents(self) -> list[tuple[str, str]]:
        """Anchor and short title of every section on the page, in its order."""
        report = self.report
        shown = (
            ("trained", "report.contents_trained", True),
            ("curves", "report.contents_curves", not report.solver),
            ("solver", "report.contents_solver", report.solver),
            ("evaluation", "report.contents_evaluation", True),
            ("classes", "report.contents_classes", self.per_class),
            ("confusion", "report.contents_confusion", self.heat_map or self.confused_pairs),
            ("calibration", "report.contents_calibration", self.calibrated),
            ("mistakes", "report.contents_mistakes", self.mistakes),
            ("filters", "report.contents_filters", self.filters),
            ("layers", "report.contents_layers", report.layers),
            ("published", "report.contents_published", report.published),
            ("baseline", "report.contents_baseline", report.baseline),
            ("skipped", "report.contents_skipped", True),
            ("recipe", "report.contents_recipe", True),
            ("repeat", "report.contents_repeat", True),
            ("environment", "report.contents_environment", report.environment),
        )
        return [(anchor, self.words.plain(title)) for anchor, title, there in shown if there]

    @property
    def calibrated(self) -> bool:
        """Whether anything is known of the calibration."""
        return self.reliability is not None or finite((self.evaluation or {}).get("calibration_error")) is not None

    @cached_property
    def recipe_text(self) -> str:
        """The recipe as TOML."""
        return toml_text(self.report.recipe)


def _class_name(given: object, names: Sequence[str]) -> str:
    """The class's name, if an index is given instead of the name."""
    return names[given] if isinstance(given, int) and given < len(names) else str(given)


def _total(layers: Sequence[Mapping[str, Any]], key: str) -> float | None:
    known = [n for layer in layers if (n := finite(layer.get(key))) is not None]
    return sum(known) if known else None
