"""A job's outer process: python -m alexnet.studio.launch LOCK STATUS STOP COMMAND... waits for the command and writes its exit status.

Both hold the job's locks, so that the job counts as running as long as either lives. It imports next to nothing, since it lives as long
as the job.
"""

import subprocess
import sys
from pathlib import Path


def launch(lock: Path, status: Path, stop: Path, command: list[str]) -> int:
    """Run a command with the locks that were inherited; its process number goes into the lock's file, its exit status into `status`."""
    process = subprocess.Popen(command, close_fds=False)
    lock.write_text(str(process.pid), encoding="utf-8")
    if stop.exists():  # asked for before the number was there
        process.terminate()
    code = process.wait()
    partial = status.with_suffix(".partial")
    partial.write_text(str(code), encoding="utf-8")
    partial.replace(status)
    return 0


if __name__ == "__main__":
    sys.exit(launch(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]))
