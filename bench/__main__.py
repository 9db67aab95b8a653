"""`python -m bench [FILE] [--only PART]...`: runs the benchmarks, prints a table, writes bench.json."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from alexnet.runtime.device import device_name
from bench.exported import exported
from bench.handcrafted import encodings
from bench.loading import loading
from bench.measure import Row
from bench.packed import packed
from bench.service import service
from bench.small_network import small_network_steps
from bench.steps import training_steps

SHARED = Path(os.environ.get("ALEXNET_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
PARTS: dict[str, Callable[[], dict[str, Row]]] = {
    "steps": training_steps,
    "small-network": small_network_steps,
    "loading": lambda: loading(SHARED),
    "packed": lambda: packed(SHARED),
    "encodings": lambda: encodings(SHARED),
    "exported": exported,
    "service": service,
}


def parsed(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command's file and parts; --help and wrong words end the process before anything is measured."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure against other programs; status 1 if a required ratio is missed."
    )
    parser.add_argument("file", nargs="?", type=Path, default=Path("bench.json"), metavar="FILE", help="where the figures go (bench.json)")
    parser.add_argument(
        "--only", action="append", choices=PARTS, metavar="PART", help=f"this part alone; may be repeated: {', '.join(PARTS)}"
    )
    return parser.parse_args(words)


def main(out: Path, names: Sequence[str]) -> int:
    """Run some benchmarks; returns exit status 1 if a required ratio is missed."""
    torch.manual_seed(0)
    print(f"{device_name(torch.device('cpu'))}, torch {torch.__version__}", file=sys.stderr)
    rows: dict[str, Row] = {}
    for name in names:
        rows |= PARTS[name]()
    for name, row in rows.items():
        print(_line(name, row))
    partial = out.with_suffix(".partial")
    partial.write_text(json.dumps({name: asdict(row) for name, row in rows.items()}, indent=1), encoding="utf-8")
    partial.replace(out)
    return 0 if all(row.ratio >= row.must for row in rows.values()) else 1


def _line(name: str, row: Row) -> str:
    goal = "" if row.goal is None else f", goal {row.goal:g}"
    must = f"must {row.must:g}" if row.must else "no must"
    return f"{row.ratio:6.2f}  ({must}{goal})  {name}: {row.ours:,.1f} / {row.other:,.1f} {row.unit}"


if __name__ == "__main__":
    asked = parsed()
    sys.exit(main(asked.file, asked.only or list(PARTS)))
