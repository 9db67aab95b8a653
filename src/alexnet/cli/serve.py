"""`alexnet serve`."""

import os
import sys

from alexnet.cli.options import Where
from alexnet.cli.output import show_lines


def serve(
    *models: str,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    device: str = "auto",
    on: Where = "local",
    replicas: int | None = None,
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
    on
        local, or ray: the models are computed by replicas on a Ray cluster, or on one started on this machine (pip install '.[ray-serve]').
    replicas
        With --on ray, how many: one for each GPU of the cluster, or each CPU if it has none, unless this says otherwise.
    """
    from alexnet.serve.verb import open_server

    token = token or os.environ.get("ALEXNET_TOKEN") or None
    server = open_server(models, host=host, port=port, token=token, device=device, on=on, replicas=replicas)
    show_lines(server.lines())
    sys.stdout.flush()
    server.run()
