"""`alexnet inspect`."""

from alexnet.cli.options import Json
from alexnet.cli.output import show


def inspect(data: str, /, *, json: Json = False) -> None:
    """Describe a data set: classes, sizes, unreadable files, duplicates, imbalance, and what follows from them.

    Parameters
    ----------
    data
        A folder, an archive, or a named data set.
    json
        Print one JSON object and nothing else.
    """
    from alexnet.cli.tables import inspection_tables
    from alexnet.data.verbs import inspect as inspect_data

    found = inspect_data(data)
    show(json, found.to_json(), lambda: inspection_tables(found))
