"""The two locks: what is in which, at the same versions; torch's CUDA packages in neither."""

import re
from pathlib import Path

import pytest

from tools.lock import closure, main, needed_to_train

ROOT = Path(__file__).resolve().parents[2]
ONLY_FOR_TESTS = {"pytest", "pytest-xdist", "hypothesis", "ruff", "mypy", "import-linter", "ray", "webdataset", "braceexpand", "mahotas"}


def pins(name: str) -> dict[str, str]:
    lines = [line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return dict(line.split("==", 1) for line in lines)


def test_the_lock_of_tests_holds_the_other() -> None:
    runtime, everything = pins("requirements.lock"), pins("requirements-test.lock")
    assert runtime.items() <= everything.items()
    assert everything.keys() - runtime.keys() >= ONLY_FOR_TESTS
    assert {"torch", "onnxruntime", "numpy", "filelock", "platformdirs", "msgspec", "hatchling", "editables"} <= runtime.keys()


def test_no_cuda_packages() -> None:
    assert [name for name in pins("requirements-test.lock") if re.match(r"nvidia|cuda|triton$", name)] == []


def test_closure_follows_requirements_and_extras() -> None:
    plain = {pin.partition("==")[0] for pin in closure(["jinja2", 'pytest; sys_platform == "nowhere"'])}
    assert plain == {"Jinja2", "MarkupSafe"}
    assert "nvidia-nccl-cu13" not in {pin.partition("==")[0] for pin in closure(["torch"])}


def test_locks_are_written_under_their_comments(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["editables"]\n[project]\ndependencies = ["markupsafe"]\n'
        '[project.optional-dependencies]\ntrain = ["torch"]\nsurf = ["mahotas"]\n'
        '[dependency-groups]\ndev = ["pytest"]\n'
    )
    for name in ("requirements.lock", "requirements-test.lock"):
        (tmp_path / name).write_text(f"# {name}\nold==1.0\n", encoding="utf-8")
    main(tmp_path)
    runtime = (tmp_path / "requirements.lock").read_text(encoding="utf-8").splitlines()
    tests = (tmp_path / "requirements-test.lock").read_text(encoding="utf-8").splitlines()
    assert runtime[0] == "# requirements.lock"
    assert runtime[1].startswith("torch==")
    assert any(line.startswith("MarkupSafe==") for line in runtime)
    assert "old==1.0" not in runtime + tests
    assert not any(line.startswith("mahotas==") for line in runtime), "other extras are not for everybody"
    assert any(line.startswith("pytest==") for line in tests)
    assert set(runtime[1:]) < set(tests)


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-test.lock"])
def test_the_locks_hold_what_pyproject_asks_for(name: str) -> None:
    import tomllib

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*needed_to_train(table), *table["build-system"]["requires"]]
    wanted += table["dependency-groups"]["dev"] if "test" in name else []
    held = {canonicalize_name(one): version for one, version in pins(name).items()}
    assert [line for line in wanted if not Requirement(line).specifier.contains(held[canonicalize_name(Requirement(line).name)])] == []
