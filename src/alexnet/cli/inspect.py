"""`alexnet inspect`."""

import os

from alexnet.cli.options import Json
from alexnet.cli.output import show


def inspect(data: str, /, *, json: Json = False) -> None:
    """What a data set holds: classes, sizes, unreadable files, duplicates, imbalance, and what it means.

    Parameters
    ----------
    data
        A folder, an archive, or a named data set.
    json
        Print one JSON object and nothing else.
    """
    from alexnet.cli.tables import inspection_tables
    from alexnet.data.curation.inspection import inspect as inspect_data
    from alexnet.data.open import open_dataset

    found = inspect_data(open_dataset(data), workers=os.cpu_count() or 1)
    show(json, found.to_json(), lambda: inspection_tables(found))
