"""The guard that a script needs whose calls start processes: `if __name__ == "__main__":`.

Each new process imports the script. Without the guard it makes the same call again, before it can do any work. It then leaves a mark and
ends, and the process that started it raises the error, once.
"""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from alexnet.errors import AlexNetError

MARK = "ALEXNET_UNGUARDED"  # environment variable of started processes: the file to leave


def refuse_in_import() -> None:
    """Called first by public functions: in a process that is only importing the main script, nothing may run."""
    if not getattr(multiprocessing.current_process(), "_inheriting", False):  # set while Python imports the script
        return
    mark = os.environ.get(MARK)
    if mark is None:  # the process is the caller's own
        raise unguarded(main_script())
    Path(mark).touch()
    os._exit(1)


@contextmanager
def unguarded_mark() -> Iterator[Path]:
    """The file that a process leaves which was started without the guard; until then there is nothing that a kill could leave."""
    mark = Path(tempfile.gettempdir()) / f"alexnet-{uuid4().hex}.unguarded"
    try:
        yield mark
    finally:
        mark.unlink(missing_ok=True)


def unguarded(script: str) -> AlexNetError:
    """The error for a script without the guard."""
    return AlexNetError(
        f"{script} has no main guard, and this call starts processes, each of which runs the script again. Put the call under the guard:\n"
        '    if __name__ == "__main__":\n'
        "        alexnet.study(...)"
    )


def main_script() -> str:
    """The script that Python runs."""
    return str(getattr(sys.modules.get("__mp_main__") or sys.modules["__main__"], "__file__", None) or "The script")
