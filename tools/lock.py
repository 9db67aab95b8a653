"""`make lock`: write the two lock files from the packages that are installed in .venv.

requirements.lock pins what alexnet needs to train, to run and to be built; requirements-test.lock adds the group `dev` of pyproject.toml,
at the same versions. Other packages in .venv are in neither.
"""

import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-test.lock")
BY_TORCH = re.compile(r"(nvidia|cuda)-.*|triton")  # torch itself requires the CUDA packages that it was built with
FIRST = {"torch", "torchvision"}
WINDOWS = 'colorama==0.4.6; sys_platform == "win32"'  # pytest requires it only there


def locked(pyproject: Path) -> tuple[set[str], set[str]]:
    """The pins of the two lock files."""
    table = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    runtime = closure([*needed_to_train(table), *table["build-system"]["requires"]])
    return runtime, runtime | closure(table["dependency-groups"]["dev"]) | {WINDOWS}


def needed_to_train(table: dict[str, Any]) -> list[str]:
    """The dependencies of the package with its extra `train`, as pyproject.toml lists them."""
    project = table["project"]
    return [*project["dependencies"], *project.get("optional-dependencies", {}).get("train", [])]


def closure(requirements: Iterable[str]) -> set[str]:
    """`name==version` of all direct and indirect requirements on this system; raises PackageNotFoundError if .venv lacks one."""
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
        todo += [(Requirement(line), wanted) for line in found.requires or () for wanted in ("", *one.extras)]
    return pins


def text(comment: Iterable[str], pins: set[str]) -> str:
    """The text of a lock file: its comment, torch and torchvision, then the other pins by name."""
    order = sorted(pins, key=lambda pin: (pin.partition("==")[0] not in FIRST, pin.lower()))
    return "".join(f"{line}\n" for line in (*comment, *order))


def main(root: Path = ROOT) -> None:
    """Write both lock files, keeping the comment at the top of each."""
    for name, pins in zip(LOCKS, locked(root / "pyproject.toml"), strict=True):
        comment = [line for line in (root / name).read_text(encoding="utf-8").splitlines() if line.startswith("#")]
        (root / name).write_text(text(comment, pins), encoding="utf-8")


if __name__ == "__main__":
    main()
