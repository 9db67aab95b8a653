"""The names of classes: one form of Unicode, and which of them are easily confused. Independent of files."""

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from alexnet.errors import BadDataset


def composed(name: str) -> str:
    """The name in Unicode's composed form (NFC), in which é is one character; macOS writes it as two."""
    return unicodedata.normalize("NFC", name)


def printable(name: str) -> str:
    """The name with the bytes that are not UTF-8 as escapes, and whatever else is no text."""
    try:
        content = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate that is no byte of a file's name, as JSON can have it
        content = name.encode("utf-8", "surrogatepass")
    return content.decode("utf-8", "backslashreplace")


def is_text(name: str) -> bool:
    """Whether the name is UTF-8, and can be written into the files of a run."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def require_text(folders: Iterable[str], path: Path) -> None:
    """Raise BadDataset if the name of a class folder is not UTF-8."""
    wrong = sorted(printable(folder) for folder in folders if not is_text(folder))
    if wrong:
        raise BadDataset(
            f"{printable(str(path))} has a class folder whose name is not UTF-8 text: '{wrong[0]}' (its other bytes are shown as \\x..). "
            "Rename the folder; of an archive, unpack it, rename the folder and use that."
        )


def name_remarks(folders: Collection[str]) -> tuple[str, ...]:
    """What the user should know about the names of class folders: which were normalised, and which are nearly the same."""
    changed = sorted({composed(folder) for folder in folders if composed(folder) != folder})
    alike: dict[str, list[str]] = {}
    for name in sorted(set(map(composed, folders))):
        alike.setdefault(" ".join(unicodedata.normalize("NFKC", name).casefold().split()), []).append(name)
    near = [" and ".join(f"'{name}'" for name in names) for names in alike.values() if len(names) > 1]
    return (
        *(
            [f"Class names are read in Unicode's composed form (NFC), whichever form their folders have: {quoted(changed)}."]
            if changed
            else []
        ),
        *(
            f"The classes {names} differ only in case, spaces or the form of characters. If they are one class, rename a folder."
            for names in near
        ),
    )


def quoted(names: Sequence[str]) -> str:
    """The names in quotation marks, the first five of many."""
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5:,} more"
