"""`alexnet inspect`."""

import shlex

from alexnet.cli.options import FolderLayout, Json
from alexnet.cli.output import show


def inspect(data: str, /, *, layout_of_folders: FolderLayout | None = None, labels: str | None = None, json: Json = False) -> None:
    """Describe a data set: classes, sizes, unreadable files, duplicates, imbalance, and what follows from them.

    Parameters
    ----------
    data
        A folder, an archive, or a named data set.
    layout_of_folders
        What the top folders are, splits or classes, where their names allow both readings.
    labels
        A CSV file with the classes instead of folders: columns file (relative to the data), class and, if there is one, split.
    json
        Print one JSON object and nothing else.
    """
    from alexnet.cli.tables import inspection_tables
    from alexnet.data.verbs import inspect as inspect_data

    found = inspect_data(data, layout_of_folders=layout_of_folders, labels=labels)
    folders = ["--layout-of-folders", layout_of_folders] if layout_of_folders else []
    folders += ["--labels", labels] if labels else []
    following = f"Next: {shlex.join(['alexnet', 'train', data, *folders])}"
    show(
        json,
        found.to_json(),
        lambda: [*inspection_tables(found), following if found.split_plan else f"Next, when that is fixed: {following[6:]}"],
    )
