"""Names that people choose for data sets, classes and runs, and that become the names of folders once they are checked.

No other text from a browser becomes part of a path: files are looked up in the lists of what is there.
"""

import unicodedata

from alexnet.data.class_names import composed, is_text
from alexnet.data.sources.source import is_visible
from alexnet.data.split_names import is_split_alone
from alexnet.studio.refusal import Refusal

MOST_BYTES = 120
LONGEST_TYPED = 1_000  # characters, before spaces are joined and letters composed
FORBIDDEN = frozenset('/\\:*?"<>|')  # in the names of folders here or elsewhere; a colon would also end the name of a table of labels
RESERVED = frozenset({"data", "exports"})  # folders of the workspace that are no runs
TABLE = "splits.csv"  # in a data set's folder: its split, once it is fixed (see corrections)


def folder_name(text: str) -> str:
    """The text as the name of one folder, in composed form; raises Refusal for one that cannot be."""
    if len(text) > LONGEST_TYPED:
        raise Refusal("name_long", name=text[:40], most=MOST_BYTES)
    name = composed(" ".join(text.split()))
    if not name:
        raise Refusal("name_empty")
    disturbing = any(letter in FORBIDDEN or unicodedata.category(letter).startswith("C") for letter in name)
    if disturbing or not is_text(name) or not is_visible(name) or name.startswith("-") or name.endswith("."):
        raise Refusal("name_characters", name=name)
    if len(name.encode()) > MOST_BYTES:
        raise Refusal("name_long", name=name[:40], most=MOST_BYTES)
    if name.lower() == TABLE:
        raise Refusal("name_reserved", name=name)
    return name


def class_name(text: str) -> str:
    """The text as the name of a class that somebody adds; raises Refusal for a word that means a split, too."""
    name = folder_name(text)
    if is_split_alone(name):
        raise Refusal("name_split", name=name)
    return name


def run_name(text: str) -> str:
    """The text as the name of a run's folder; raises Refusal for the names of the workspace's own folders, too."""
    name = folder_name(text)
    if name.lower() in RESERVED:
        raise Refusal("name_reserved", name=name)
    return name
