"""`make fire`: attack the program, and count. The short form of the same attacks is in `make test-slow`.

Kills at random and at every write, with what the killed had started; disks that are too small, races for a folder, files of every format
with changed bytes, run files and studies with changed values, recipe fields at their edges, the service and the studio sent rubbish. A
table of the counts is printed at the end, and stays in fire.jsonl.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

HARDNESS, EXAMPLES = "6", "300"  # how often each attack is repeated; how many values or changes of bytes a test tries
COUNTS = Path("fire.jsonl")
FILES = ("test_mutated_files", "test_tampered_files", "test_tampered_runs", "test_tampered_studies", "recipes/test_edges")
ATTACKS = ("tests/fire", *(f"tests/{name}.py" for name in FILES))


def main(arguments: list[str]) -> int:
    """Run the attacks with pytest; returns its exit status."""
    COUNTS.unlink(missing_ok=True)
    wanted = {"ALEXNET_FIRE": HARDNESS, "ALEXNET_EXAMPLES": EXAMPLES, "ALEXNET_FIRE_COUNTS": str(COUNTS.resolve())}
    options = ["-n", "auto", "--maxprocesses", "8", "--dist", "worksteal", "--timeout", "7200", *arguments]
    done = subprocess.run([sys.executable, "-m", "pytest", *ATTACKS, *options], env=wanted | os.environ, check=False)
    if COUNTS.exists():
        print("\n".join(table(json.loads(line) for line in COUNTS.read_text("utf-8").splitlines())))
    return done.returncode


def table(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """The lines of a table: each kind of attack, and how many were made."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[str(row["what"])] = counts.get(str(row["what"]), 0) + int(str(row["n"]))
    return ["| attack | n |", "|---|---|", *(f"| {what} | {n:,} |" for what, n in sorted(counts.items()))]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
