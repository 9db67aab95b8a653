"""`make mutation`: change one thing in a module, run the module's tests, and count how often they notice.

A seeded sample of mutmut's mutants, each in a process of its own, forked from one that has PyTorch loaded; no file is touched, and programs
that a test starts see the module as it is. Killed: a test fails, the process dies, or it takes far longer than the unchanged module.
"""

import argparse
import difflib
import os
import random
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from signal import SIGKILL
from tempfile import TemporaryDirectory
from typing import cast

from hypothesis import HealthCheck, Phase, settings

try:
    import libcst
    from mutmut.mutation.mutators import mutation_operators
except ImportError:
    raise SystemExit("tools.mutation needs mutmut, which is in the group dev of pyproject.toml: pip install mutmut") from None

ENOUGH = 0.85  # share of the sample that must be killed
SUBJECTS = {  # a module: its tests
    "alexnet.data.curation.splits": ("tests/data/curation/test_splits.py", "tests/data/curation/test_thinning.py"),
    "alexnet.evaluation.metrics": ("tests/evaluation/test_metrics.py",),
    "alexnet.evaluation.seed_statistics": ("tests/evaluation/test_seed_statistics.py",),
    "alexnet.evaluation.paired_test": ("tests/evaluation/test_paired_test.py",),
    "alexnet.training.checkpoint": ("tests/training/test_checkpoint.py",),
    "alexnet.models.networks.layers": ("tests/models/networks/test_layers.py", "tests/training/parallel/test_dropout.py"),
}
PYTEST = "-q -x -p no:cacheprovider -p no:xdist --hypothesis-profile mutation -W ignore::pytest.PytestAssertRewriteWarning -m".split()
WARM = "pygments hypothesis.extra.numpy safetensors.torch scipy.stats sklearn.datasets sklearn.neighbors torch._dynamo".split()
UNTOUCHED = (libcst.Annotation, libcst.Decorator, libcst.Import, libcst.ImportFrom)


def mutations(node: libcst.CSTNode) -> Iterator[tuple[libcst.CSTNode, libcst.CSTNode]]:
    """(node, what replaces it) for each mutation of a node and of what it contains."""
    docstring = isinstance(node, libcst.Expr) and isinstance(node.value, libcst.SimpleString)
    if not docstring and not isinstance(node, UNTOUCHED):
        yield from ((node, new) for kind, mutate in mutation_operators if isinstance(node, kind) for new in mutate(node))
        for child in node.children:
            yield from mutations(child)


class Mutant(SourceLoader, MetaPathFinder):  # type: ignore[misc]  # as typeshed has it, the two differ
    """Imports one module from the source that it is given."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self.name, self.path, self.source = name, path, source

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        return spec_from_loader(fullname, self) if fullname == self.name else None

    def get_filename(self, fullname: str) -> str:
        return str(self.path)

    def get_data(self, path: str | bytes | os.PathLike[str]) -> bytes:
        return self.source.encode()


def mutated(source: str, count: int, chance: random.Random) -> tuple[int, list[str]]:
    """How many mutants there are, and the sources of `count` of them (or all) in the order of the file."""
    module = libcst.parse_module(source)
    found = list(mutations(module))
    places = sorted(chance.sample(range(len(found)), min(count, len(found))))
    return len(found), [cast(libcst.Module, module.deep_replace(*found[place])).code for place in places]


def warm_up() -> None:
    """Import what the tests import besides alexnet, once. What hypothesis finds is not made smaller: a failure is enough."""
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # nothing has imported NumPy or PyTorch yet
    for module in WARM:
        import_module(module)
    fast = settings(deadline=None, phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck))
    settings.register_profile("mutation", fast, derandomize=True, database=None, max_examples=40)


def start(mutant: Mutant, tests: tuple[str, ...], folder: str) -> int:
    """Run the tests against a mutant in a new process; returns its id. It ends with pytest's exit status."""
    if process := os.fork():
        return process
    status = 1
    try:
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        sys.meta_path.insert(0, mutant)
        import_module(mutant.name)  # now: pytest imports *_test.py itself, and paired_test.py is one of ours
        status = int(import_module("pytest").main([*PYTEST, "not slow", f"--basetemp={folder}/{os.getpid()}", *tests]))
    finally:
        os._exit(status)


def outcomes(mutants: list[Mutant], tests: tuple[str, ...], seconds: float, at_once: int) -> Iterator[tuple[Mutant, bool]]:
    """Each mutant and whether it survived; one that takes longer than `seconds` did not."""
    waiting, running = mutants[::-1], dict[int, tuple[Mutant, float]]()
    with TemporaryDirectory() as folder:
        while waiting or running:
            while waiting and len(running) < at_once:
                mutant = waiting.pop()
                running[start(mutant, tests, folder)] = mutant, time.monotonic() + seconds
            for process, (mutant, deadline) in list(running.items()):
                ended, status = os.waitpid(process, os.WNOHANG)
                if ended:
                    del running[process]
                    yield mutant, status == 0
                elif time.monotonic() > deadline:
                    os.kill(process, SIGKILL)
            time.sleep(0.02)


def measure(name: str, sample: int, seed: int, jobs: int) -> tuple[int, int, int]:
    """How many mutants a module has, how many were tried, and how many of these were killed; prints the others."""
    path, tests = Path("src", *name.split(".")).with_suffix(".py"), SUBJECTS[name]
    source, began, killed = path.read_text("utf-8"), time.monotonic(), 0
    if not all(passed for _, passed in outcomes([Mutant(name, path, source)], tests, 600, 1)):
        raise SystemExit(f"The tests of {name} fail without any change: {' '.join(tests)}")
    patience = 30 + 5 * (time.monotonic() - began)
    existing, sources = mutated(source, sample, random.Random(f"{seed} {name}"))
    for mutant, passed in outcomes([Mutant(name, path, one) for one in sources], tests, patience, jobs):
        killed += not passed
        if passed:
            print(*difflib.unified_diff(source.splitlines(), mutant.source.splitlines(), str(path), n=0, lineterm=""), sep="\n", flush=True)
    return existing, len(sources), killed


def main() -> int:
    """Measure the modules and print a table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutation", description="Mutate modules, and count how often their tests notice.")
    parser.add_argument("modules", nargs="*", default=list(SUBJECTS), help="of: " + ", ".join(SUBJECTS), metavar="MODULE")
    parser.add_argument("--sample", type=int, default=60, help="mutants of each module (60)")
    parser.add_argument("--seed", type=int, default=2012, help="of the sample (2012)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="mutants at a time (one per CPU)")
    wanted = parser.parse_args()
    warm_up()
    rows = {name: measure(name, wanted.sample, wanted.seed, wanted.jobs) for name in wanted.modules}
    total = [sum(column) for column in zip(*rows.values(), strict=True)]
    print("| module | mutants | tried | killed | share |\n|---|---|---|---|---|")
    for name, (existing, tried, killed) in (*rows.items(), ("all", total)):
        print(f"| {name.removeprefix('alexnet.')} | {existing} | {tried} | {killed} | {killed / tried:.0%} |")
    return int(total[2] < ENOUGH * total[1])


if __name__ == "__main__":
    raise SystemExit(main())
