"""The package without the extra `train`: prediction from exported files works, and every other verb names what to install."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest

from alexnet.runtime.missing import TRAIN
from tools.lock import closure

ROOT = Path(__file__).resolve().parents[2]
BLOCKED = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {{*{sorted(TRAIN)!r}, "onnx"}}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""
CLI = BLOCKED + "from alexnet.cli import main\nsys.exit(main(sys.argv[1:]))\n"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", CLI, *words], capture_output=True, text=True, check=False)


def test_a_file_is_predicted_from(digits_onnx: Path, digits_folder: Path) -> None:
    done = run("predict", str(digits_onnx), str(digits_folder / "3"), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert {one["error"] for one in json.loads(done.stdout)["predictions"]} == {None}


def test_help_is_there_and_verbs_name_what_they_need(tmp_path: Path) -> None:
    assert run("train", "--help").returncode == 0
    done = run("train", "digits", "--out", str(tmp_path / "run"))
    assert done.returncode == 2
    assert "alexnet train needs the packages for training, and " in done.stderr
    assert "make install, or pip install '.[train]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_every_other_verb_and_the_library_say_so() -> None:
    """In one process, since each start takes a second."""
    code = BLOCKED + (
        "import alexnet, json\n"
        "from alexnet.cli import main\n"
        "words = [['evaluate', 'x'], ['predict', '.', 'x.png'], ['compare', 'digits'], ['inspect', 'digits'],\n"
        "         ['pack', 'digits', 'x.zip'], ['study', 'digits'], ['report', '.'], ['convert', 'a', '--from', 'd2l', '--to', 'caffe',\n"
        "         '--out', 'b'], ['export', '.'], ['explain', '.']]\n"
        "statuses = [main(one) for one in words]\n"
        "for name in ('train', 'load'):\n"
        "    try: getattr(alexnet, name)\n"
        "    except alexnet.AlexNetError as error: print(error)\n"
        "print(json.dumps(statuses))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    *library, statuses = done.stdout.splitlines()
    assert set(json.loads(statuses)) == {2}
    assert len(done.stderr.splitlines()) == len(json.loads(statuses)), done.stderr
    assert all("needs the packages for training" in line and "install" in line for line in (*done.stderr.splitlines(), *library)), (
        done.stderr
    )
    assert len(library) == 2


@pytest.mark.slow
def test_in_a_fresh_environment_with_the_core_alone(digits_onnx: Path, digits_folder: Path, tmp_path: Path) -> None:
    """The wheel and what it requires, with no extra, in an environment that has nothing else."""
    venv.create(tmp_path / "env", with_pip=False)
    (site,) = (tmp_path / "env").glob("lib/python*/site-packages")
    for name in core_packages():
        copy_package(name, site)
    unpack_wheel(tmp_path, site)
    python = [str(tmp_path / "env" / "bin" / "python"), "-I", "-m", "alexnet"]
    for words in (["--help"], ["--version"]):
        assert subprocess.run([*python, *words], capture_output=True, text=True, check=True).stdout
    words = ["predict", str(digits_onnx), str(digits_folder / "3"), "--json"]
    done = subprocess.run([*python, *words], capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)["predictions"]) > 5
    lacking = subprocess.run([*python, "train", "digits"], capture_output=True, text=True, check=False)
    assert (lacking.returncode, "needs" in lacking.stderr) == (2, True)


@pytest.mark.slow
def test_the_wheel_holds_templates_messages_and_the_page(digits_run: Path, tmp_path: Path) -> None:
    """A report in both languages and the service's page, from the wheel alone."""
    unpack_wheel(tmp_path, tmp_path / "site")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    for lang, word in (("en", "Validation error"), ("zh", "验证错误率")):
        page = tmp_path / f"{lang}.html"
        words = ["report", str(digits_run), "--out", str(page), "--lang", lang]
        subprocess.run([sys.executable, "-m", "alexnet", *words], env=environment, cwd=tmp_path, check=True, capture_output=True)
        assert word.lower() in page.read_text("utf-8").lower()
    code = "import alexnet; from alexnet.serve.page import static_files; print(alexnet.__file__, *sorted(static_files()))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, check=True, capture_output=True, text=True)
    where, *names = done.stdout.split()
    assert Path(where).is_relative_to(tmp_path)
    assert {"main.js", "view.js", "page.css"} <= set(names)


def unpack_wheel(folder: Path, site: Path) -> None:
    """The wheel of this project, built in `folder` and installed into `site`, without what it requires."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("alexnet-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)


def core_packages() -> set[str]:
    """The names of everything that the package requires without an extra."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    names = {pin.partition("==")[0] for pin in closure(table["project"]["dependencies"])}
    assert not {"torch", "torchvision", "scikit-learn", "scipy", "matplotlib"} & names
    return names


def copy_package(name: str, site: Path) -> None:
    """An installed package, file by file."""
    for file in distribution(name).files or ():
        place = Path(str(file.locate()))
        if ".." not in file.parts and place.is_file():
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(place, site / file)
