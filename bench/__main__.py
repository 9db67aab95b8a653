"""`python -m bench [FILE]`: runs all benchmarks, prints a table, writes bench.json."""

import json
import os
import sys
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


def main(out: Path) -> int:
    """Run all benchmarks; returns exit status 1 if a required ratio is missed."""
    torch.manual_seed(0)
    print(f"{device_name(torch.device('cpu'))}, torch {torch.__version__}", file=sys.stderr)
    rows = training_steps() | small_network_steps() | loading(SHARED) | packed(SHARED) | encodings(SHARED) | exported() | service()
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
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "bench.json")))
