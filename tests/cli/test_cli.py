"""The command line as a user and a script meet it: JSON keys, exit statuses, what goes to which stream."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import alexnet
from alexnet.cli import main
from alexnet.inference.classifier import ROUNDING

ALEXNET = [sys.executable, "-m", "alexnet"]
LENET = ["--model", "lenet", "--epochs", "1"]
NUMBER = (int, float)


def run(*words: object, stdin: bytes = b"", cwd: Path | None = None, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """The program in a process of its own."""
    env = os.environ | {"OMP_NUM_THREADS": "1"} | environment
    return subprocess.run([*ALEXNET, *map(str, words)], input=stdin, capture_output=True, cwd=cwd, env=env, check=False, timeout=100)


def answer(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    """The JSON object of one command that succeeds; nothing else may be on standard output."""
    capsys.readouterr()
    assert main([*map(str, words), "--json"]) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


def said_by(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Standard output of one command that succeeds."""
    capsys.readouterr()
    assert main([*map(str, words)]) == 0
    return capsys.readouterr().out


@pytest.mark.slow
def test_train_in_a_process_gives_one_json_object_and_progress_elsewhere(tmp_path: Path, digits_folder: Path) -> None:
    done = run("train", digits_folder, *LENET, "--out", "a run", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    result = json.loads(done.stdout)
    assert done.stdout.count(b"\n") == 1
    kinds: dict[str, Any] = {"run": str, "model": str, "recipe": str, "epochs": NUMBER, "seconds": NUMBER, "images_per_second": NUMBER}
    kinds |= {"validation_error": NUMBER, "test_error": NUMBER, "skipped": int}
    assert {name: isinstance(result[name], kind) for name, kind in kinds.items()} == dict.fromkeys(kinds, True)
    assert (result["run"], result["model"], result["recipe"], result["epochs"], result["skipped"]) == ("a run", "lenet", "quick", 1.0, 0)
    assert b"Reading 300 pictures of 10 classes" in done.stderr
    assert b"valid. error" in done.stderr


def test_a_run_folder_holds_what_the_design_says(digits_run: Path, digits_folder: Path) -> None:
    files = {str(path.relative_to(digits_run)) for path in digits_run.rglob("*") if path.is_file()}
    assert files == {
        *(
            "recipe.toml",
            "splits.json",
            "history.jsonl",
            "skipped.csv",
            "result.json",
            "report.html",
            "report.json",
            "predictions.csv",
            "baseline.json",
            ".lock",
        ),
        *(
            "checkpoints/last.safetensors",
            "checkpoints/best.safetensors",
            "checkpoints/kept",
            "model/model.safetensors",
            "model/familiarity.safetensors",
            "model/model.json",
        ),
    }
    assert (digits_run / "skipped.csv").read_text().splitlines() == ["file,class,reason"]
    rows = [json.loads(line) for line in (digits_run / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1.0, 2.0, 3.0, 4.0]
    keys = "epoch step training_loss training_error validation_loss validation_error learning_rate images_per_second seconds"
    assert all(set(row) == set(keys.split()) for row in rows)
    result = json.loads((digits_run / "result.json").read_text())
    assert result["validation_error"] == min(row["validation_error"] for row in rows)
    assert f'data = "{digits_folder}"' in (digits_run / "recipe.toml").read_text()
    card = json.loads((digits_run / "model" / "model.json").read_text())
    assert card["classes"] == [str(digit) for digit in range(10)]
    assert card["scores"]["test, centre"]["top1_error"] == result["test_error"]


def test_the_report_needs_nothing_but_itself(digits_run: Path) -> None:
    page = (digits_run / "report.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert "<svg" in page
    assert not [part for part in ('src="http', 'href="http', "<script src", "@import", '<link rel="stylesheet"') if part in page]
    assert "lenet" in page


def test_train_says_what_to_do_next(capsys: pytest.CaptureFixture[str], tmp_path: Path, digits_folder: Path) -> None:
    said = said_by(capsys, "train", digits_folder, *LENET, "--no-baseline", "--out", tmp_path / "run")
    assert "validation error" in said
    assert f"alexnet predict {tmp_path / 'run'}" in said


def test_evaluate_json(capsys: pytest.CaptureFixture[str], digits_run: Path) -> None:
    found = answer(capsys, "evaluate", digits_run)
    keys = "n top1_error top5_error interval balanced_accuracy classes per_class confusion calibration_error seconds"
    assert set(keys.split()) <= set(found)
    assert found["n"] == 30
    low, high = found["interval"]
    assert low <= found["top1_error"] <= high
    assert found["top5_error"] <= found["top1_error"] < 0.4  # chance is 0.9
    assert [sum(row) for row in found["confusion"]] == [row["n"] for row in found["per_class"]]
    wrong = found["n"] - sum(found["confusion"][i][i] for i in range(10))
    assert found["top1_error"] == wrong / found["n"]
    assert found["top1_error"] == json.loads((digits_run / "result.json").read_text())["test_error"]


@pytest.mark.parametrize(("split", "n"), [("train", 240), ("validation", 30), ("test", 30)])
def test_evaluate_a_split(capsys: pytest.CaptureFixture[str], digits_run: Path, split: str, n: int) -> None:
    assert answer(capsys, "evaluate", digits_run, "--split", split)["n"] == n


@pytest.mark.parametrize("views", ["ten", "any"])
def test_evaluate_with_other_views(capsys: pytest.CaptureFixture[str], digits_run: Path, views: str) -> None:
    found = answer(capsys, "evaluate", digits_run, "--views", views)
    assert found["view"] == views
    assert found["top1_error"] < 0.4


def test_evaluate_as_a_table(capsys: pytest.CaptureFixture[str], digits_run: Path) -> None:
    said = said_by(capsys, "evaluate", digits_run, "--workers", "2")
    assert "on 30 pictures" in said
    assert "precision" in said


def test_predict_json_of_files_folders_and_patterns(capsys: pytest.CaptureFixture[str], digits_run: Path, digits_folder: Path) -> None:
    single = next((digits_folder / "7").glob("*.png"))
    found = answer(capsys, "predict", digits_run, single, digits_folder / "3", str(digits_folder / "[45]" / "*.png"), "--top", "2")
    predictions = found["predictions"]
    files = [Path(row["file"]) for row in predictions]
    assert files[0] == single
    assert {file.parent.name for file in files} == {"7", "3", "4", "5"}
    assert len(files) == 1 + sum(len(list((digits_folder / name).iterdir())) for name in "345")
    assert {len(row["top"]) for row in predictions} == {2}
    assert all(row["error"] is None and set(row["top"][0]) == {"class", "probability"} for row in predictions)
    assert all(row["top"][0]["probability"] >= row["top"][1]["probability"] for row in predictions)
    right = [row["top"][0]["class"] == Path(row["file"]).parent.name for row in predictions]
    assert sum(right) / len(right) > 0.7  # chance is 0.1


def test_predict_reads_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, digits_run: Path, digits_folder: Path
) -> None:
    images = sorted((digits_folder / "1").glob("*.png"))[:2]
    of_bytes = run("predict", digits_run, "-", "--json", stdin=images[0].read_bytes())
    assert of_bytes.returncode == 0, of_bytes.stderr
    (single,) = json.loads(of_bytes.stdout)["predictions"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("".join(f"{path}\n" for path in images).encode())))
    listed = answer(capsys, "predict", digits_run, "-")["predictions"]
    assert single["file"] == "standard input"
    assert [row["file"] for row in listed] == [str(path) for path in images]
    one, other = ({row["class"]: row["probability"] for row in found["top"]} for found in (single, listed[0]))
    assert one == pytest.approx(other, abs=ROUNDING["bf16"])


def test_an_unreadable_image_does_not_end_the_others(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, digits_run: Path, digits_folder: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    broken = tmp_path / "bröken [1] file.png"
    broken.write_bytes(b"no picture at all, but long enough to be tried as one")
    good = next((digits_folder / "2").glob("*.png"))
    rows = answer(capsys, "predict", digits_run, broken, good)["predictions"]
    assert [row["file"] for row in rows] == [str(broken), str(good)]
    assert rows[0]["top"] == []
    assert "not a picture in a known format" in rows[0]["error"]
    assert rows[1]["error"] is None
    assert "not a picture in a known format" in " ".join(said_by(capsys, "predict", digits_run, broken, good).split())


def test_predict_fails_when_no_image_can_be_read(capsys: pytest.CaptureFixture[str], tmp_path: Path, digits_run: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    assert main(["predict", str(digits_run), str(tmp_path / "empty.png"), "--json"]) == 2
    captured = capsys.readouterr()
    assert json.loads(captured.out)["predictions"][0]["error"] == "is empty"
    assert captured.err == "The picture cannot be read.\n"


def test_predict_answers_for_the_readable_images_beside_missing_ones(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, digits_run: Path, digits_folder: Path
) -> None:
    good, gone = next((digits_folder / "7").glob("*.png")), tmp_path / "gone.png"
    first, second, third = answer(capsys, "predict", digits_run, gone, good, tmp_path / "*.jpg", "--top", "1")["predictions"]
    assert (second["file"], second["error"], len(second["top"])) == (str(good), None, 1)
    assert (first["file"], first["top"]) == (str(gone), [])
    assert "No file or folder matches" in first["error"]
    assert "*.jpg" in third["error"]


def test_predict_sorts_into_class_folders_and_undoes_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, digits_run: Path, digits_folder: Path
) -> None:
    out, image = tmp_path / "sorted images", next((digits_folder / "7").glob("*.png"))
    found = answer(capsys, "predict", digits_run, image, tmp_path / "gone.png", "--sort-into", out)
    (copy,) = (path for path in out.rglob("*.png"))
    assert copy.parent.name == found["predictions"][0]["top"][0]["class"]
    assert copy.read_bytes() == image.read_bytes()
    assert found["sorted"] == {"list": str(out / "sorted.csv"), "copied": 1, "unsure": 0}
    assert f"alexnet predict --undo-sort '{out / 'sorted-2.csv'}'" in said_by(capsys, "predict", digits_run, image, "--sort-into", out)
    for name in ("sorted.csv", "sorted-2.csv"):
        assert answer(capsys, "predict", "--undo-sort", out / name) == {"removed": 1, "kept": []}
    assert not list(out.iterdir())
    assert main(["predict"]) == main(["predict", str(digits_run), str(image), "--least", "0.5"]) == 2


def test_predict_takes_every_kind_of_image(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, digits_run: Path, digits_folder: Path
) -> None:
    digit = Image.open(next((digits_folder / "0").glob("*.png")))
    turned = digit.rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    digit.save(tmp_path / "a gray.png")
    digit.convert("RGB").save(tmp_path / "b colour.bmp")
    digit.convert("CMYK").save(tmp_path / "c cmyk.tif")
    turned.save(tmp_path / "d turned.png", exif=exif)
    digit.convert("RGBA").save(tmp_path / "e alpha.png")
    rows = answer(capsys, "predict", digits_run, tmp_path, "--top", "10")["predictions"]
    assert len(rows) == 5
    first = {entry["class"]: entry["probability"] for entry in rows[0]["top"]}
    for row in rows[1:]:
        assert {entry["class"]: entry["probability"] for entry in row["top"]} == pytest.approx(first, abs=1e-3), row["file"]


def test_summary_json(capsys: pytest.CaptureFixture[str]) -> None:
    (model,) = answer(capsys, "summary", "alexnet")["models"]
    assert {"name", "parameters", "macs", "layers"} <= set(model)
    assert (model["name"], model["parameters"]) == ("alexnet", 60_965_224)
    assert all(set(layer) == {"name", "kind", "output", "parameters", "macs"} for layer in model["layers"])
    assert sum(layer["parameters"] for layer in model["layers"]) == model["parameters"]
    assert sum(layer["macs"] for layer in model["layers"]) == model["macs"]


def test_summary_of_other_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--classes", 7, "--image-size", 28, "--channels", 3)
    (model,) = answer(capsys, "summary", "lenet", *words)["models"]
    assert model["layers"][-1]["output"] == [7]
    assert model["layers"][0]["parameters"] == 6 * (3 * 25 + 1)


def test_summary_of_all_models_and_of_several(capsys: pytest.CaptureFixture[str]) -> None:
    every = answer(capsys, "summary")["models"]
    assert {"alexnet", "alexnet-owt", "alexnet-d2l", "alexnet-cifar", "lenet"} <= {model["name"] for model in every}
    said = said_by(capsys, "summary", "lenet", "alexnet")
    assert "60,965,224" in said
    assert "what differs" in said


def test_inspect_json(capsys: pytest.CaptureFixture[str], tmp_path: Path, digits_folder: Path) -> None:
    folder = tmp_path / "with trouble"
    shutil.copytree(digits_folder, folder)
    (folder / "4" / "broken.png").write_bytes(b"broken")
    shutil.copy(next((folder / "5").glob("*.png")), folder / "6" / "copy.png")
    found = answer(capsys, "inspect", folder)
    assert {"classes", "n", "splits", "unreadable", "duplicates", "suspects"} <= set(found)
    assert found["n"] == 302
    assert [(row["file"], row["class"]) for row in found["unreadable"]] == [("4/broken.png", "4")]
    assert any("6/copy.png" in pair for pair in found["duplicates"]["exact"])
    assert any(suspect["problem"] == "two labels" for suspect in found["suspects"])
    said = said_by(capsys, "inspect", folder)
    assert "Files that cannot be read: 1" in said
    assert "two labels" in said
    assert found["advice"][0] in said
    assert "Next" in said
    assert f"alexnet train {folder}" in said.replace("'", "")


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert said_by(capsys, "--version").strip() == alexnet.__version__
    for verb in ("train", "evaluate", "predict", "summary", "inspect"):
        assert verb in said_by(capsys, "--help")
        assert "--json" in said_by(capsys, verb, "--help")
    assert "exit status is 2" in " ".join(said_by(capsys, "predict", "--help").replace("│", " ").split())


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["--version"], ["train", "--frobnicate"]])
def test_help_and_wrong_words_load_no_heavy_library(words: list[str]) -> None:
    code = f"import sys; from alexnet.cli import main; main({words!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "cyclopts" in loaded
    assert not loaded & {"torch", "numpy", "PIL", "sklearn", "scipy", "matplotlib", "torchvision"}


def test_installed_command_and_module_are_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    command = Path(sys.executable).with_name("alexnet")
    if not command.exists():
        pytest.skip(f"{command} is missing")
    done = subprocess.run([command, "summary", "lenet", "--json"], capture_output=True, check=True)
    assert json.loads(done.stdout) == json.loads(run("summary", "lenet", "--json").stdout) == answer(capsys, "summary", "lenet")


@pytest.mark.slow
def test_names_that_the_terminal_cannot_show(tmp_path: Path, digits_run: Path, digits_folder: Path) -> None:
    image = tmp_path / "数字.png"
    shutil.copy(next((digits_folder / "1").glob("*.png")), image)
    table = run("predict", digits_run, image, PYTHONIOENCODING="ascii", COLUMNS="200")
    assert table.returncode == 0, table.stderr
    assert b"\\u6570" in table.stdout
    found = run("predict", digits_run, image, "--json", PYTHONIOENCODING="ascii")
    assert json.loads(found.stdout)["predictions"][0]["file"] == str(image)


def test_a_reader_that_leaves_the_pipe_is_no_defect() -> None:
    with subprocess.Popen([*ALEXNET, "summary", "alexnet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(60) == 0
    assert said == b""


def test_a_defect_of_ours_is_a_traceback_and_status_1() -> None:
    code = "import sys, alexnet.lecture.summary as s; s.summarise = None; from alexnet.cli import main; sys.exit(main(['summary']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_stopped_work_without_a_run_is_130(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("alexnet.lecture.summary.summarise", stopped)
    assert main(["summary"]) == 130
    assert capsys.readouterr().err == "Stopped.\n"


def test_a_image_whose_name_looks_like_a_field(capsys: pytest.CaptureFixture[str], tmp_path: Path, digits_run: Path) -> None:
    content = io.BytesIO()
    Image.new("L", (8, 8)).save(content, "PNG")
    (tmp_path / "--odd.png").write_bytes(content.getvalue())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        capsys.readouterr()
        assert main(["predict", str(digits_run), "--json", "--", "--odd.png"]) == 0
    assert json.loads(capsys.readouterr().out)["predictions"][0]["file"] == "--odd.png"


@pytest.mark.parametrize(
    ("words", "locale", "chinese"),
    [
        ("summary lenet2 --lang zh", "", True),
        ("summary lenet2 --lang=zh", "en_US.UTF-8", True),
        ("summary lenet2 --lang en", "zh_CN.UTF-8", False),
        ("summary lenet2", "zh_CN.UTF-8", True),
        ("summary lenet2", "C.UTF-8", False),
        ("summary lenet2", "", False),
        ("summary --lang", "", False),
        ("evaluate nowhere", "zh_TW", True),
    ],
)
def test_errors_are_in_the_language_that_was_asked_for(
    words: str, locale: str, chinese: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", locale)
    assert main(words.split()) == 2
    said = capsys.readouterr().err
    assert any("\u4e00" <= character <= "\u9fff" for character in said) == chinese, said


def test_the_first_locale_that_is_set_holds(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.setenv("LC_MESSAGES", "zh_CN.UTF-8")
    monkeypatch.setenv("LC_ALL", "C")
    assert main(["evaluate", "nowhere"]) == 2
    assert capsys.readouterr().err.isascii()
