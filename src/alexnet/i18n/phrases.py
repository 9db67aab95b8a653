"""The text of pages in the reader's language: messages with their emphasis, figures with their units, names of values.

Names that come from a run or a user (classes, files, layers) are shown unchanged. Independent of any page.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from alexnet.i18n.translate import Lang, say, values_in
from alexnet.i18n.units import MISSING, certainty, counted_in, data_size, duration, finite, number, percent

UNITS = {"h": "report.hours", "min": "report.minutes", "s": "report.seconds"}
COUNTED_IN: dict[Lang, tuple[tuple[float, float, str], ...]] = {  # (least value, unit, message)
    "en": ((1e9, 1e9, "report.number_large"), (1e6, 1e6, "report.number_medium")),
    "zh": ((1e8, 1e8, "report.number_large"), (1e6, 1e4, "report.number_medium")),
}
SPLITS = ("report.for_training", "report.for_validation", "report.for_test", "report.for_final_test")
REASONS = (
    "report.reason_requested", "report.reason_file", "report.reason_published", "report.reason_small", "report.reason_large",
    "report.reason_study", "report.reason_search", "report.reason_alone",
)  # fmt: skip
VALUES = (
    "report.method_primal", "report.method_dual", "report.method_descent", "report.fitted_to_all", "report.fitted_to", "report.trial",
    "report.trial_name_gamma_balanced", "report.trial_name_balanced", "report.trial_name_gamma", "report.trial_name",
    "report.explicit_map", "report.classes_balanced", "report.version_of",
)  # fmt: skip
VIEWS = (
    "report.view_test", "report.view_validation", "report.view_train", "report.view_centre", "report.view_ten",
    "report.view_shifted", "report.view_any", "report.line_training",
)  # fmt: skip
FIELDS = {  # of a Baseline, as report.json has them
    "n_train": "report.key_n_train",
    "n_test": "report.key_n_test",
    "validation_error": "report.key_validation_error",
    "test_error": "report.key_test_error",
    "test_interval": "report.key_test_interval",
    "relative_duality_gap": "report.key_relative_gap",
}
KEYS = (
    "report.key_sentence", "report.key_model", "report.key_kernel", "report.key_seconds", "report.key_primal", "report.key_dual",
    "report.key_gap", "report.key_passes", "report.key_tried", "report.key_device", "report.key_processor", "report.key_precision",
    "report.key_system", "report.key_method", "report.key_trained_on", "report.key_gamma", "report.key_classes",
    "report.key_images",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PageWords:
    """The text of a page in one language."""

    lang: Lang = "en"

    def plain(self, name: str, /, **values: object) -> str:
        """A message as text."""
        return say(name, self.lang, **values)

    def say(self, name: str, /, **values: object) -> Markup:
        """A message as HTML: its own emphasis stays, the values filled in are escaped."""
        return Markup(say(name, self.lang, **{key: escape(value) for key, value in values.items()}))  # noqa: S704  # our own text

    def known(self, word: str, names: Iterable[str]) -> str:
        """The word in this language if it is the English text of one of these messages; any other word unchanged."""
        return next((say(name, self.lang) for name in names if say(name, "en") == word), word)

    def retold(self, text: str, names: Iterable[str]) -> str:
        """A sentence in this language if it is one of these messages in English, with its values; any other text unchanged."""
        for name in names:
            if (values := values_in(text, name)) is not None:
                return self.plain(name, **values)
        return text

    def key(self, name: object) -> str:
        """The name of a value in a run's record, such as "relative duality gap" or n_train, in words."""
        return self.plain(FIELDS[str(name)]) if name in FIELDS else self.retold(self.known(str(name), KEYS), VALUES)

    def value(self, value: object) -> str:
        """A value in a run's record: numbers with four digits, known sentences in this language; lists look like tuples."""
        if isinstance(value, float):
            return f"{value:.4g}"
        if isinstance(value, str):
            return self.retold(value, VALUES)
        return MISSING if value is None else str(tuple(value) if isinstance(value, list) else value)

    def view(self, title: str) -> str:
        """The title of an evaluation such as "test, centre", translated part by part."""
        return self.plain("report.counted_comma").join(self.known(part, VIEWS) for part in title.split(", "))

    def between(self, low: object, high: object) -> str:
        """Two shares as an interval: "8.2% to 9.3%"."""
        return self.plain("report.between", low=percent(low), high=percent(high))

    def certainty(self, probability: object) -> str:
        """0.984 -> "98%"; never "100%", since no model is certain."""
        value = finite(probability)
        return self.plain("report.over_99") if value is not None and value >= 0.995 else certainty(probability)

    def duration(self, seconds: object) -> str:
        """3725.2 -> "1 h 2 min"."""
        return " ".join(self.plain(UNITS[part]) if part in UNITS else part for part in duration(seconds).split(" "))

    def number(self, value: object) -> str:
        """720351776 -> "720 million", in Chinese "7.20 亿": rounded to three digits."""
        large = None if (known := finite(value)) is None else counted_in(known, COUNTED_IN[self.lang])
        return number(value) if large is None else self.plain(large[1], n=large[0])


ENGLISH = PageWords()
size = data_size


def share(fraction: float) -> str:
    """A share of the training images: 0.1 -> "10%"."""
    return f"{100 * fraction:.3g}%"


def baseline_name(baseline: Mapping[str, Any], words: PageWords = ENGLISH) -> str:
    """What a Baseline is: not the system `hog-svm`, whose SVM has a kernel."""
    linear = baseline["model"] == "hog-svm" and baseline.get("kernel") == "linear"
    return words.plain("report.baseline_linear") if linear else str(baseline["model"])


def beside(baseline: Mapping[str, Any], error: float | None, words: PageWords = ENGLISH) -> str:
    """Whether a network is worth it: its test error compared with that of the fast hand-crafted baseline (the values of a Baseline)."""
    test_error, model, seconds = finite(baseline["test_error"]), baseline_name(baseline, words), finite(baseline["seconds"]) or 0.0
    if test_error is None or error is None:
        return words.plain("report.beside_validation", model=model, error=_tenths(baseline["validation_error"]))
    if error < test_error:
        return words.plain("report.beside_fewer", times=f"{error / test_error:.2f}", model=model, seconds=f"{seconds:.0f}")
    figures = {"error": _tenths(test_error), "network_error": _tenths(error), "seconds": f"{seconds:.0f}"}
    return words.plain("report.beside_as_good", model=model, **figures)


def _tenths(share: object) -> str:
    return MISSING if (known := finite(share)) is None else f"{known:.1%}"
