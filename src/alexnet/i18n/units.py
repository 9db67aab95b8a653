"""Numbers and names formatted for a reader: 8.7%, 720 million, 4 min 20 s, a recipe as TOML. Independent of pages and runs."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from alexnet.errors import BadRecipe

LONGEST_LABEL = 20  # characters of a class name along an axis
MISSING = "–"  # shown for a missing number
LARGE = ((1e9, 1e9, "billion"), (1e6, 1e6, "million"))  # the scale of `counted_in`

DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}  # characters that reorder what stands beside them
BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def finite(value: object) -> float | None:
    """The value as a float; None for anything that is not a finite number (None, NaN, text)."""
    return float(value) if isinstance(value, Real) and math.isfinite(value) else None


def readable(text: object) -> str:
    """The text with control characters, undecodable bytes and what reverses its direction as U+FFFD; runs of white space as one space."""
    shown = "".join("\ufffd" if _disturbs(c) else c for c in str(text))
    return " ".join(shown.split())


def _disturbs(character: str) -> bool:
    control = unicodedata.category(character) in {"Cc", "Cs"} and not character.isspace()
    return control or unicodedata.bidirectional(character) in DIRECTIONS


def short(text: object, longest: int = LONGEST_LABEL) -> str:
    """The text on one line, cut to at most `longest` characters."""
    line = readable(text)
    return line if len(line) <= longest else line[: longest - 1] + "…"


def percent(share: object) -> str:
    """0.087 -> "8.7%"; two decimals near 0 and 1, where one would hide differences."""
    if (value := finite(share)) is None:
        return MISSING
    return f"{100 * value:.{2 if 0 < value < 0.01 or 0.99 < value < 1 else 1}f}%"


def certainty(probability: object) -> str:
    """0.984 -> "98%"; never "100%", since no model is certain."""
    value = finite(probability)
    return MISSING if value is None else "over 99%" if value >= 0.995 else f"{100 * value:.0f}%"


def count(value: object) -> str:
    """60965224 -> "60,965,224"."""
    return MISSING if (known := finite(value)) is None else f"{known:,.0f}"


def number(value: object) -> str:
    """720351776 -> "720 million": rounded to three digits, with the unit as a word."""
    if (known := finite(value)) is None:
        return MISSING
    if (large := counted_in(known, LARGE)) is not None:
        return " ".join(large)
    return f"{known:,.0f}" if known >= 100 or known == round(known) else f"{known:.3g}"


def counted_in(value: float, scale: Sequence[tuple[float, float, str]]) -> tuple[str, str] | None:
    """The value to three digits and the name of its unit, such as ("720", "million"); None if it is below every unit.

    scale: (least value, unit, name), the largest unit first. A value that rounds up to the next unit's least value is shown in that unit:
    999.95e6 is 1.00 billion, not 1000 million.
    """
    smaller = [unit for _, unit, _ in scale[1:]] + [1.0]
    for (least, unit, name), below in zip(scale, smaller, strict=True):
        if round(value / below) * below >= least:
            return f"{value / unit:.{_decimals(value / unit)}f}", name
    return None


def _decimals(value: float) -> int:
    """The number of decimals that makes three digits in all: 9.996 is shown as 10.0."""
    return max(0, 2 - int(math.log10(float(f"{value:.2e}"))))


def data_size(n_bytes: object, *, tenths: bool = False) -> str:
    """12345678 -> "12.3 MB", in the largest unit that the number reaches; tenths: with one decimal, "244.0 MB" rather than "244 MB"."""
    if (known := finite(n_bytes)) is None:
        return MISSING
    shown = float(f"{known:.3g}")  # a value that rounds up to a unit is shown in it: 1 MB, not 1000 kB
    fitting = next(((unit, word) for unit, word in BYTES if shown >= unit), None)
    if fitting is None:
        return f"{known:.0f} B"
    unit, word = fitting
    return f"{known / unit:,.1f} {word}" if tenths else f"{known / unit:.3g} {word}"


def duration(seconds: object) -> str:
    """3725.2 -> "1 h 2 min"; 59.7 -> "1 min"."""
    if (known := finite(seconds)) is None:
        return MISSING
    if round(known, 1) < 10:
        return f"{known:.1f} s"
    minutes, rest = divmod(round(known), 60)
    if not minutes:
        return f"{rest} s"
    large, small = (f"{minutes} min", f"{rest} s") if minutes < 60 else (f"{minutes // 60} h", f"{minutes % 60} min")
    return large if small.startswith("0 ") else f"{large} {small}"


def toml_text(recipe: Mapping[str, Any]) -> str:
    """A nested dict as TOML. None, which TOML lacks, is omitted; other values that TOML cannot express become text."""
    import tomli_w  # an extra, and numbers are formatted without it

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


UNITS = {  # seconds -> how people write the unit
    1.0: ("s", "sec", "secs", "second", "seconds", "秒"),
    60.0: ("m", "min", "mins", "minute", "minutes", "分", "分钟"),
    3600.0: ("h", "hr", "hrs", "hour", "hours", "小时"),
}
SECONDS = {word: seconds for seconds, words in UNITS.items() for word in words}
PART = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*([^\W\d_]*)")


def seconds_of(duration: str | float) -> float:
    """Seconds of a duration such as 90s, 10m, 1h30m or "3 minutes"; a number is in seconds. Raises BadRecipe for anything else."""
    if not isinstance(duration, str):
        duration = f"{duration:f}s"
    parts = PART.findall(duration)
    if not parts or PART.sub("", duration).strip():
        raise BadRecipe(f"'{duration}' is not a duration; write 90s, 10m, 2h or 1h30m.")
    total = sum(float(number) * _seconds_of_unit(number, unit, duration) for number, unit in parts)
    if total <= 0:
        raise BadRecipe(f"The duration '{duration}' is not above zero; write 90s, 10m or 2h.")
    return total


def _seconds_of_unit(number: str, unit: str, duration: str) -> float:
    if not unit:
        raise BadRecipe(f"'{duration}' is not a duration: {number} has no unit; write {number}s, {number}m or {number}h.")
    if unit.lower() not in SECONDS:
        raise BadRecipe(f"'{duration}' is not a duration: '{unit}' is not a unit of time; write 90s, 10m, 2h or 1h30m.")
    return SECONDS[unit.lower()]
