"""`alexnet serve`."""

import os
import sys

from alexnet.cli.output import show_lines


def serve(
    *models: str,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    device: str = "auto",
) -> None:
    """Classify images over HTTP: a page for people, JSON for programs.

    Only this computer can reach it unless --host says otherwise, which needs a token. A run that is trained again is loaded again.
    Ctrl-C ends it after the answers that it owes.

    Parameters
    ----------
    models
        Run folders, or ONNX files that `alexnet export` wrote, for which PyTorch is not needed.
    host
        127.0.0.1 is this computer alone, 0.0.0.0 every network it is in.
    port
        0 lets the system choose.
    token
        What clients must send (Authorization: Bearer TOKEN), at least 16 characters. Also read from ALEXNET_TOKEN, which ps does not show.
    device
        auto, cpu, cuda or cuda:1.
    """
    from alexnet.serve.verb import open_server

    server = open_server(models, host=host, port=port, token=token or os.environ.get("ALEXNET_TOKEN") or None, device=device)
    show_lines(server.lines())
    sys.stdout.flush()
    server.run()
