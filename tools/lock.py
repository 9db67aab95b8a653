"""`make lock`: the two locks, from what .venv holds now.

requirements.lock is what alexnet needs to run and to be built; requirements-test.lock adds the group `dev` of pyproject.toml, at the same
versions. Packages that .venv holds besides are in neither.
"""

import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-test.lock")
BY_TORCH = re.compile(r"(nvidia|cuda)-.*|triton")  # torch itself names the CUDA packages that it was built with
FIRST = {"torch", "torchvision"}
WINDOWS = 'colorama==0.4.6; sys_platform == "win32"'  # pytest asks for it there alone


def locked(pyproject: Path) -> tuple[set[str], set[str]]:
    """The pins of the two locks."""
    table = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    runtime = closure([*table["project"]["dependencies"], *table["build-system"]["requires"]])
    return runtime, runtime | closure(table["dependency-groups"]["dev"]) | {WINDOWS}


def closure(requirements: Iterable[str]) -> set[str]:
    """`name==version` of all that the requirements lead to on this system; raises PackageNotFoundError for what .venv lacks."""
    pins: set[str] = set()
    seen: set[str] = set()
    todo = [(Requirement(line), "") for line in requirements]
    while todo:
        one, extra = todo.pop()
        key = f"{canonicalize_name(one.name)}[{','.join(sorted(one.extras))}]"
        if key in seen or BY_TORCH.fullmatch(key.partition("[")[0]) or not (one.marker is None or one.marker.evaluate({"extra": extra})):
            continue
        seen.add(key)
        found = distribution(one.name)
        pins.add(f"{found.name}=={found.version}")
        todo += [(Requirement(line), asked) for line in found.requires or () for asked in ("", *one.extras)]
    return pins


def text(comment: Iterable[str], pins: set[str]) -> str:
    """The text of a lock: its comment, torch and torchvision, then the others by name."""
    order = sorted(pins, key=lambda pin: (pin.partition("==")[0] not in FIRST, pin.lower()))
    return "".join(f"{line}\n" for line in (*comment, *order))


def main(root: Path = ROOT) -> None:
    """Write both locks, each under the comment that it has."""
    for name, pins in zip(LOCKS, locked(root / "pyproject.toml"), strict=True):
        comment = [line for line in (root / name).read_text(encoding="utf-8").splitlines() if line.startswith("#")]
        (root / name).write_text(text(comment, pins), encoding="utf-8")


if __name__ == "__main__":
    main()
