"""The README is true: its sessions run as they stand, and what it names is there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from alexnet.data.named.registry import NAMED
from alexnet.models.handcrafted.systems import SYSTEMS
from alexnet.models.networks.borrowed.registry import SOURCES
from alexnet.models.registry import ARCHITECTURES
from alexnet.recipes.named import RECIPES

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of the README in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def session(words: list[str], folder: Path) -> str:
    """What a session prints; it may not fail. The commands of this environment come first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    env = os.environ | {"PATH": path, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="the session is bash's")
@pytest.mark.slow  # its comparison alone takes its budget of 15 seconds
def test_shell_session(tmp_path: Path) -> None:
    (block,) = blocks("bash")
    printed = session(["bash", "-euo", "pipefail", "-c", block], tmp_path)
    assert "60,965,224" in printed
    assert (tmp_path / "runs" / "digits" / "report.html").stat().st_size > 10_000
    tested = json.loads((tmp_path / "test.json").read_text(encoding="utf-8"))
    assert tested["top1_error"] < 0.05, "the examples learn something"


@pytest.mark.slow
def test_python_session(tmp_path: Path) -> None:
    (block,) = blocks("python")
    printed = session([sys.executable, "-W", "error", "-c", block], tmp_path)
    assert "picture 3" in printed
    assert (tmp_path / "runs" / "python" / "report.html").exists()


def tree() -> list[str]:
    (block,) = blocks("tree")
    return [line.split()[0] for line in block.splitlines()]


def test_tree_names_what_is_there() -> None:
    assert [name for name in tree() if not (ROOT / name).exists()] == []
    assert all(len(line.split(maxsplit=1)) == 2 for line in blocks("tree")[0].splitlines())


def test_tree_is_complete() -> None:
    package = ROOT / "src" / "alexnet"
    modules = {f"src/alexnet/{path.name}" for path in package.glob("*.py")}
    parts = {f"src/alexnet/{path.parent.name}/" for path in package.glob("*/__init__.py")}
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert modules | parts | pages <= set(tree())


def test_make_targets_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE)) <= set(targets)


def test_options_and_names_of_examples_exist() -> None:
    from alexnet.cli.app import app

    known = {name for one in app["train"].assemble_argument_collection() for name in one.names}
    known |= {
        name
        for verb in ("compare", "evaluate", "predict", "summary", "inspect", "study", "report", "export", "serve")
        for one in app[verb].assemble_argument_collection()
        for name in one.names
    }
    used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*(?![\w.-])", README))
    assert used <= known | {"--nproc-per-node"}  # torchrun's
    assert {*re.findall(r"--model ([\w-]+)", README)} <= {*ARCHITECTURES, *SYSTEMS, *SOURCES}
    assert {*re.findall(r"--recipe ([a-z]+)\b(?![/.])", README)} <= set(RECIPES) | {"runs"}
    assert "digits" in NAMED


@pytest.mark.parametrize("name", ["report.png", "study.png", "explain.png", "lecture.png", "studio.png"])
def test_images_are_small(name: str) -> None:
    assert f"docs/{name}" in README
    assert (ROOT / "docs" / name).stat().st_size < 250_000
