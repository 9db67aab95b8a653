"""Numbers and names as a reader wants them: 8.7%, 720 million, 4 min 20 s, a recipe as TOML. Knows nothing of pages or runs."""

import math
import re
import unicodedata
from collections.abc import Mapping
from numbers import Real
from typing import Any

import tomli_w

from alexnet.errors import BadRecipe

LONGEST_LABEL = 20  # characters of a class name beside an axis
MISSING = "–"  # stands for a number that is not there


def finite(value: object) -> float | None:
    """The value as a float; None for what is no finite number (None, NaN, text)."""
    return float(value) if isinstance(value, Real) and math.isfinite(value) else None


def readable(text: object) -> str:
    """The text without what no page can hold: control characters and undecodable bytes become U+FFFD, white space one blank."""
    shown = "".join("\ufffd" if unicodedata.category(c) in {"Cc", "Cs"} and not c.isspace() else c for c in str(text))
    return " ".join(shown.split())


def short(text: object, longest: int = LONGEST_LABEL) -> str:
    """The text on one line of at most `longest` characters."""
    line = readable(text)
    return line if len(line) <= longest else line[: longest - 1] + "…"


def percent(share: object) -> str:
    """0.087 -> "8.7%"; a second digit near 0 and 1, where one would round the difference away."""
    if (value := finite(share)) is None:
        return MISSING
    return f"{100 * value:.{2 if 0 < value < 0.01 or 0.99 < value < 1 else 1}f}%"


def certainty(probability: object) -> str:
    """0.984 -> "98%"; never "100%", which no model can mean."""
    value = finite(probability)
    return MISSING if value is None else "over 99%" if value >= 0.995 else f"{100 * value:.0f}%"


def count(value: object) -> str:
    """60965224 -> "60,965,224"."""
    return MISSING if (known := finite(value)) is None else f"{known:,.0f}"


def number(value: object) -> str:
    """720351776 -> "720 million": three digits, in words, for a figure at a glance."""
    if (known := finite(value)) is None:
        return MISSING
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if known >= size:
            return f"{known / size:.{max(0, 2 - int(math.log10(known / size)))}f} {word}"
    return f"{known:,.0f}" if known >= 100 or known == round(known) else f"{known:.3g}"


def duration(seconds: object) -> str:
    """3725.2 -> "1 h 2 min"."""
    if (known := finite(seconds)) is None:
        return MISSING
    if known < 60:
        return f"{known:.1f} s" if known < 10 else f"{known:.0f} s"
    minutes, rest = divmod(round(known), 60)
    large, small = (f"{minutes} min", f"{rest} s") if minutes < 60 else (f"{minutes // 60} h", f"{minutes % 60} min")
    return large if small.startswith("0 ") else f"{large} {small}"


def toml_text(recipe: Mapping[str, Any]) -> str:
    """A nested dict as TOML, to be read or copied; None, which TOML lacks, is left out, and what TOML cannot say becomes text."""
    return tomli_w.dumps({str(key): _plain(value) for key, value in recipe.items() if value is not None})


def _plain(value: object) -> object:
    match value:
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items() if inner is not None}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case bool() | int() | float():
            return value
    return str(value)


DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h)")


SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_of(duration: str | float) -> float:
    """Seconds of a duration written as 90s, 10m or 1h30m, or of a number of them; raises BadRecipe."""
    if not isinstance(duration, str):
        duration = f"{duration:f}s"
    parts = DURATION.findall(duration)
    if not parts or DURATION.sub("", duration).strip():
        raise BadRecipe(f"'{duration}' is no duration; write 90s, 10m, 2h or 1h30m.")
    total = sum(float(number) * SECONDS[unit] for number, unit in parts)
    if total <= 0:
        raise BadRecipe(f"The duration '{duration}' is nothing; write 90s, 10m or 2h.")
    return total
