"""`alexnet studio`."""

import os

from alexnet.cli.options import Flag
from alexnet.cli.output import show_lines


def studio(
    runs: str = "runs",
    /,
    *,
    host: str = "127.0.0.1",
    port: int = 8001,
    token: str | None = None,
    no_browser: Flag = False,
) -> None:
    """Make data sets, train, compare, try and take away classifiers in the browser, on this computer.

    All that it makes is ordinary data folders and run folders. Ctrl-C ends it; trainings go on, and are found again at the next start.

    Parameters
    ----------
    runs
        The folder of runs; data sets are in its folder data.
    host
        127.0.0.1 is this computer alone, 0.0.0.0 every network it is in.
    port
        0 lets the system choose.
    token
        What browsers must send, at least 16 characters; chosen if it is left out. Also read from ALEXNET_TOKEN, which ps does not show.
    no_browser
        Do not open the browser.
    """
    from alexnet.studio.verb import open_studio

    with open_studio(runs, host=host, port=port, token=token or os.environ.get("ALEXNET_TOKEN") or None) as opened:
        show_lines(opened.lines())
        opened.run(browser=not no_browser)
