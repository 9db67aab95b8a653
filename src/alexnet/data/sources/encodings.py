"""Names in archives that do not say how they are encoded: the bytes of all names together decide, by rules that are the same everywhere.

Independent of archive formats.
"""

import re
import unicodedata
from collections.abc import Collection

from alexnet.data.class_names import is_text

STANDARD = "cp437"  # what the zip format prescribes for names that are not marked as UTF-8
GUESSES = (  # code page, the script that its letters must belong to, the language in messages
    ("gbk", "CJK UNIFIED", "Chinese, GBK"),
    ("cp437", "LATIN", "Western European, DOS code page 437"),
    ("cp866", "CYRILLIC", "Cyrillic, DOS code page 866"),
    ("cp1252", "LATIN", "Western European, Windows code page 1252"),
)
COMMON_SHARE = 0.5  # of GBK's characters, for a text to be Chinese: those that GB 2312 has too


def guess_encoding(names: Collection[bytes]) -> str:
    """The encoding of names of one archive: UTF-8 if all are valid, else the first of GUESSES in which all are words; else cp437."""
    others = [name for name in names if not name.isascii()]
    if all(_decoded(name, "utf-8") is not None for name in others):
        return "utf-8"
    return next((page for page, script, _ in GUESSES if _fits(others, page, script)), STANDARD)


def guess_remark(encoding: str, names: Collection[str]) -> str:
    """The sentence that says what was guessed; `names` are the decoded ones."""
    language = next((said for page, _, said in GUESSES if page == encoding), encoding)
    letters = sorted({part for name in names for part in name.split("/") if not part.isascii()})[:3]
    return (
        f"The archive does not say how its names are encoded. They are read as {language}, such as {', '.join(map(repr, letters))}. "
        "If that is wrong, unpack it with a program where the encoding can be chosen, and use the folder."
    )


def _fits(names: Collection[bytes], page: str, script: str) -> bool:
    texts = [text for name in names if (text := _decoded(name, page)) is not None]
    letters = [letter for text in texts for letter in text if not letter.isascii()]
    if len(texts) < len(names):
        return False
    if page == "gbk":  # punctuation is part of it
        return sum(_is_common(letter) for letter in letters) >= COMMON_SHARE * len(letters)
    return all(unicodedata.name(letter, "").startswith(script) for letter in letters) and (script == "LATIN" or not _are_mixed(texts))


def _are_mixed(texts: Collection[str]) -> bool:
    """Whether a word has letters of ASCII and others, as in "cafщ"."""
    return any(re.search(r"[A-Za-z][^\W\d_]*[^\W\d_A-Za-z]|[^\W\d_A-Za-z][^\W\d_]*[A-Za-z]", text) for text in texts)


def _is_common(letter: str) -> bool:
    """Whether a Chinese character is in GB 2312."""
    if not unicodedata.name(letter, "").startswith("CJK UNIFIED"):
        return False
    try:
        letter.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _decoded(name: bytes, encoding: str) -> str | None:
    try:
        return name.decode(encoding)
    except UnicodeDecodeError:
        return None


def readable_names(names: Collection[str]) -> tuple[dict[str, str], str]:
    """Names with undecoded bytes (surrogates) as text, by the old ones; and what was guessed, as a sentence, or ""."""
    raw = {name: name.encode("utf-8", "surrogateescape") for name in names if not is_text(name)}
    encoding = guess_encoding(raw.values())
    decoded = {name: content.decode(encoding, "replace") for name, content in raw.items()}
    return decoded, guess_remark(encoding, decoded.values()) if decoded else ""
