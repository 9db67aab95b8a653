"""`make mutation`: change one thing in a module, run the module's tests, and count how often they notice.

A seeded sample of mutmut's mutants of each module; annotations, docstrings and decorators are left alone. Each mutant gets a process of its
own, forked from one that has PyTorch loaded; the mutated source exists only there, so no file is changed, and programs that a test starts
see the module as it is. A mutant is killed if a test fails, the process dies, or it takes far longer than the unchanged module. Exits with
status 1 if fewer than 85% are killed; the changes that survived are printed.
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # before anything imports NumPy or PyTorch

import argparse
import difflib
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from signal import SIGKILL
from tempfile import TemporaryDirectory

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
PYTEST = ["-q", "-x", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-profile", "mutation"]
PYTEST += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of hypothesis, which is warm
WARM = "pygments.lexers.python hypothesis.extra.numpy PIL.Image safetensors.torch scipy.stats sklearn.datasets sklearn.linear_model "
WARM += "sklearn.neighbors torch._dynamo torch.distributed.checkpoint torch.optim.swa_utils"
UNTOUCHED = (libcst.Annotation, libcst.Decorator, libcst.Import, libcst.ImportFrom)


@dataclass(slots=True)
class Mutants(libcst.CSTVisitor):
    """Collects (node, what replaces it) for each mutation of a module."""

    found: list[tuple[libcst.CSTNode, libcst.CSTNode]] = field(default_factory=list)

    def on_visit(self, node: libcst.CSTNode) -> bool:
        """Note the mutations of a node; returns whether to look inside it."""
        docstring = isinstance(node, libcst.Expr) and isinstance(node.value, libcst.SimpleString)
        if docstring or isinstance(node, UNTOUCHED):
            return False
        self.found += [(node, new) for kind, mutate in mutation_operators if isinstance(node, kind) for new in mutate(node)]
        return True


class Mutated(SourceLoader, MetaPathFinder):
    """Imports one module from the source that it is given."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self.name, self.path, self.source = name, path, source

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        """This loader for its module; other modules are found as usual."""
        return spec_from_loader(fullname, self) if fullname == self.name else None

    def get_filename(self, fullname: str) -> str:
        """The file that tracebacks name."""
        return str(self.path)

    def get_data(self, path: str | bytes | os.PathLike[str]) -> bytes:
        """The source, whatever the path."""
        return self.source.encode()


def mutants(source: str, count: int, chance: random.Random) -> tuple[int, list[str]]:
    """How many mutants there are, and the sources of `count` of them (or all) in the order of the file."""
    module, visitor = libcst.parse_module(source), Mutants()
    module.visit(visitor)
    places = sorted(chance.sample(range(len(visitor.found)), min(count, len(visitor.found))))
    changed = [module.deep_replace(*visitor.found[place]) for place in places]
    return len(visitor.found), [one.code for one in changed if isinstance(one, libcst.Module)]


def warm_up() -> None:
    """Import what the tests import besides alexnet, once. What hypothesis finds is not made smaller: a failure is enough."""
    for module in WARM.split():
        import_module(module)
    phases = Phase.explicit, Phase.generate
    settings.register_profile(
        "mutation", deadline=None, derandomize=True, database=None, max_examples=40, phases=phases, suppress_health_check=list(HealthCheck)
    )


def start(subject: Mutated, tests: tuple[str, ...], folder: str) -> int:
    """Run the tests against a mutant in a new process; returns its id. It ends with pytest's exit status."""
    if process := os.fork():
        return process
    status = 1
    try:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        sys.meta_path.insert(0, subject)
        status = int(import_module("pytest").main([*PYTEST, f"--basetemp={folder}/{os.getpid()}", *tests]))
    finally:
        os._exit(status)


def outcomes(subjects: list[Mutated], tests: tuple[str, ...], seconds: float, at_once: int) -> Iterator[tuple[Mutated, bool]]:
    """Each mutant and whether it survived; one that takes longer than `seconds` did not."""
    waiting, running = subjects[::-1], dict[int, tuple[Mutated, float]]()
    with TemporaryDirectory() as folder:
        while waiting or running:
            while waiting and len(running) < at_once:
                one = waiting.pop()
                running[start(one, tests, folder)] = one, time.monotonic() + seconds
            for process, (_, deadline) in running.items():
                if time.monotonic() > deadline:
                    os.kill(process, SIGKILL)
            for process in list(running):
                ended, status = os.waitpid(process, os.WNOHANG)
                if ended:
                    yield running.pop(process)[0], status == 0
            time.sleep(0.02)


def measure(name: str, arguments: argparse.Namespace) -> tuple[int, int, int]:
    """Mutants of a module, how many were tried, how many of these were killed; prints those that were not."""
    path, tests = Path("src", *name.split(".")).with_suffix(".py"), SUBJECTS[name]
    source, began = path.read_text("utf-8"), time.monotonic()
    if not all(passed for _, passed in outcomes([Mutated(name, path, source)], tests, 600, 1)):
        raise SystemExit(f"The tests of {name} fail without any change: {' '.join(tests)}")
    patience = 30 + 5 * (time.monotonic() - began)
    existing, sources = mutants(source, arguments.sample, random.Random(f"{arguments.seed} {name}"))
    survivors = 0
    for mutant, passed in outcomes([Mutated(name, path, one) for one in sources], tests, patience, arguments.jobs):
        survivors += passed
        if passed:
            print("\n".join(difflib.unified_diff(source.splitlines(), mutant.source.splitlines(), str(path), n=0, lineterm="")), flush=True)
    return existing, len(sources), len(sources) - survivors


def main(words: list[str] | None = None) -> int:
    """Measure the modules and print a table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutation", description="Mutate modules, and count how often their tests notice.")
    parser.add_argument("modules", nargs="*", default=list(SUBJECTS), help="of: " + ", ".join(SUBJECTS), metavar="MODULE")
    parser.add_argument("--sample", type=int, default=60, help="mutants of each module (60)")
    parser.add_argument("--seed", type=int, default=2012, help="of the sample (2012)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants at a time (one per CPU)")
    arguments = parser.parse_args(words)
    warm_up()
    rows = {name: measure(name, arguments) for name in arguments.modules}
    print("| module | mutants | tried | killed | share |\n|---|---|---|---|---|")
    for name, (existing, tried, killed) in rows.items():
        print(f"| {name} | {existing} | {tried} | {killed} | {killed / tried:.0%} |")
    tried, killed = (sum(row[place] for row in rows.values()) for place in (1, 2))
    print(f"| all | {sum(row[0] for row in rows.values())} | {tried} | {killed} | {killed / tried:.1%} |")
    return int(killed < ENOUGH * tried)


if __name__ == "__main__":
    raise SystemExit(main())
