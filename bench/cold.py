"""`python -m bench.cold [ROUNDS]`: from the command to the first answer, `alexnet predict FILE.onnx IMAGE`, with `alexnet-owt` in 8 bits.

The file and the program are in the page cache, as after a first round, which is not counted. Linux and macOS.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.service import exported_files, jpeg

MUST = 0.6  # s by the clock, on a machine that does nothing else


def cold(rounds: int) -> list[tuple[float, float]]:
    """Seconds by the clock and of CPU time, of each round."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder, "photo.jpg")
        image.write_bytes(jpeg())
        words = ["-m", "alexnet", "predict", str(exported_files(Path(folder))["int8"]), str(image)]
        return [_seconds([sys.executable, *words]) for _ in range(rounds + 1)][1:]


def _seconds(command: list[str]) -> tuple[float, float]:
    before, started = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    taken, after = time.perf_counter() - started, os.times()
    return taken, after.children_user + after.children_system - before.children_user - before.children_system


if __name__ == "__main__":
    found = cold(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
    for name, seconds in zip(("by the clock", "of CPU time"), zip(*found, strict=True), strict=True):
        print(f"{statistics.median(seconds):.3f} s {name} ({min(seconds):.3f} to {max(seconds):.3f})")
    sys.exit(statistics.median(taken for taken, _ in found) > MUST)
