"""`python -m bench.studio [MINUTES]`: the CPU time of a studio, as a share of that of a training which is watched for its whole length.

The watcher does what a browser does: it holds the stream of events open, asks for the queue every four seconds, and loads the images that
the events name. Its own time, and the training's writing of RUN/live, are not the studio's. Linux only.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from bench.measure import Row

TICKS = os.sysconf("SC_CLK_TCK")
QUEUE_SECONDS = 4.0
LARGEST_SHARE = 0.02


def studio_share(minutes: float, *, data: str = "fashion-mnist", model: str = "alexnet-cifar") -> Mapping[str, Row]:
    """The training's CPU seconds over the studio's, for a training of that many minutes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "alexnet", "studio", str(Path(folder, "runs")), "--port", "0", "--no-browser"]
        environment = {**os.environ, "ALEXNET_CACHE": os.environ.get("ALEXNET_CACHE", ""), "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={k: v for k, v in environment.items() if v}) as studio:
            try:
                assert studio.stdout is not None
                link = re.search(r"(http\S+)\?token=(\S+)", studio.stdout.readline())
                assert link is not None
                ours, theirs = _watched(studio.pid, link[1], link[2], {"data": data, "way": "model", "model": model, "minutes": minutes})
            finally:
                studio.terminate()
    return {f"studio: a training of {minutes:g} minutes, watched": Row(theirs / ours, ours, theirs, "CPU seconds", 1 / LARGEST_SHARE, None)}


def _watched(studio: int, address: str, token: str, wish: Mapping[str, Any]) -> tuple[float, float]:
    """CPU seconds of the studio, from its start, and of the training. What the start took is said."""
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        run = client.post("api/train", json=wish).json()["run"]
        print(f"CPU seconds of the studio until the training was started: {_seconds(studio):.1f}", file=sys.stderr)
        done = threading.Event()
        watcher = threading.Thread(target=_watch, args=(client, run, done))
        watcher.start()
        training = 0.0
        while not done.wait(QUEUE_SECONDS):
            jobs = client.get("api/queue").json()
            training = max([training, *(_tree_seconds(child) for child in _children(studio))])
            if not jobs:
                break
        watcher.join(30)
        return _seconds(studio), training


def _watch(client: httpx.Client, run: str, done: threading.Event) -> None:
    shown = set[str]()  # a browser keeps images for an hour
    with client.stream("GET", f"api/runs/{run}/events", timeout=None) as answer:
        for line in answer.iter_lines():
            if not line.startswith("data: "):
                continue
            message = json.loads(line[6:])
            wrong = {one["file"] for one in (message.get("validation") or {}).get("wrong", ())}
            for file in wrong - shown:
                client.get(f"api/runs/{run}/image", params={"file": file})
            shown |= wrong
            if message.get("filters"):
                client.get(f"api/runs/{run}/filters")
            if (message.get("row") or {}).get("state") in ("done", "failed", "stopped"):
                break
    done.set()


def _fields(process: int) -> list[str]:
    return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()


def _seconds(process: int) -> float:
    """CPU seconds of a process and its threads."""
    try:
        fields = _fields(process)
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def _children(process: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if int(_fields(int(path.name))[1]) == process:
                found.append(int(path.name))
        except OSError:
            continue
    return found


def _tree_seconds(process: int) -> float:
    return _seconds(process) + sum(_tree_seconds(child) for child in _children(process))


if __name__ == "__main__":
    for name, row in studio_share(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0).items():
        share = f"{row.ours / row.other:.2%}, at most {LARGEST_SHARE:.0%}"
        print(f"{name}: studio {row.ours:.1f} s, training {row.other:.1f} s of CPU time: {share}")
