"""Where data and runs are, as pages show it: a page that is sent to somebody must not tell whose computer it was made on.

Data sets are shown by their names; commands and settings, which have the whole path, begin with ~ in place of a home folder. Independent
of any page.
"""

import re
from pathlib import Path

from alexnet.i18n.units import readable

TABLE = re.compile(r"labels:[^:]*:")  # `--labels TABLE.csv`, in front of the data
KIND = re.compile(r"[a-z0-9-]{2,}:")  # imagenet:DIR; a single letter is a drive
HOMES = (r"/home/[^/\s'\"]+", r"/Users/[^/\s'\"]+", "/root", r"[A-Za-z]:(?:\\{1,2}|/)Users(?:\\{1,2}|/)[^\\/\s'\"]+")


def data_name(data: object) -> str:
    """The name of a data set: "photos" of /home/ann/photos and of photos/; names such as fashion-mnist as they are."""
    text = TABLE.sub("", readable(data), count=1)
    kind = found[0] if (found := KIND.match(text)) else ""
    parts = [part for part in re.split(r"[/\\]", text.removeprefix(kind)) if part]
    return kind + parts[-1] if parts else text


def without_home(text: object) -> str:
    """A text, such as a command, in which paths under a home folder begin with ~, outside of quotes so that a shell still finds them."""
    own = [re.escape(str(home))] if len((home := Path.home()).parts) > 1 else []
    pattern = rf"(?<![\w./~\\-])(?P<quote>'?)(?:{'|'.join([*own, *HOMES])})(?P<end>[/\\]|(?=[\s'\"]|$))"
    return re.sub(pattern, lambda found: f"~{found['end']}{found['quote']}" if found["end"] else f"{found['quote']}~", str(text))
