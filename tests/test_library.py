"""The library: the same words as the command line, and an import that costs nothing."""

import inspect
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import alexnet
from alexnet import errors
from alexnet.cli import app as cli
from alexnet.models.weights.convert import convert_file
from alexnet.runs.evaluate import evaluate_run
from alexnet.search.train import train as train_or_search

PUBLIC = [
    "AlexNetError",
    "BadDataset",
    "BadModel",
    "BadRecipe",
    "BadRun",
    "BadWeights",
    "BudgetTooSmall",
    "CannotWrite",
    "Classifier",
    "Comparison",
    "Conversion",
    "Dataset",
    "Evaluation",
    "Explanation",
    "Export",
    "ImageSizeTooSmall",
    "Inspection",
    "Interrupted",
    "LecturePage",
    "NoClassFolders",
    "OnnxClassifier",
    "PackSummary",
    "Prediction",
    "Result",
    "StudyReport",
    "SummaryReport",
    "TrainingFailed",
    "UnreadableImage",
    "UnsafeArchive",
    "WorkerLost",
    "__version__",
    "compare",
    "convert",
    "evaluate",
    "explain",
    "export",
    "inspect",
    "lecture_page",
    "load",
    "open_dataset",
    "pack",
    "report",
    "study",
    "summary",
    "train",
]


def test_public_names() -> None:
    assert alexnet.__all__ == PUBLIC
    assert set(PUBLIC) <= set(dir(alexnet))
    assert all(getattr(alexnet, name).__doc__ for name in PUBLIC)
    assert (alexnet.train, alexnet.evaluate, alexnet.convert) == (train_or_search, evaluate_run, convert_file)


def kinds_of(kind: type[Exception]) -> list[type[Exception]]:
    """A class of errors and all below it."""
    return [kind, *(below for one in kind.__subclasses__() for below in kinds_of(one))]


def test_every_error_is_public_and_in_the_drawn_tree() -> None:
    for name in PUBLIC:
        getattr(alexnet, name)  # all that could define one is imported
    drawn: list[tuple[str, str]] = []  # an error, and the one it stands under
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r" {4}([ │├└─]*)(\w+)", line):
            depth = len(found[1]) // 4
            above[depth:] = [found[2]]
            drawn.append((found[2], above[depth - 1] if depth else "Exception"))
    assert sorted(drawn) == sorted((kind.__name__, kind.__mro__[1].__name__) for kind in kinds_of(alexnet.AlexNetError))
    assert {name for name, _ in drawn} <= set(PUBLIC)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'alexnet' has no attribute 'trian'"):
        _ = alexnet.trian


def test_import_loads_nothing() -> None:
    code = "import sys, alexnet; before = set(sys.modules); alexnet.AlexNetError; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"torch", "numpy", "PIL", "rich", "cyclopts", "alexnet.runs", "alexnet.data"}


def test_star_import_gives_the_public_names() -> None:
    space: dict[str, object] = {}
    exec("from alexnet import *", space)
    assert set(PUBLIC) <= set(space)


def test_train_takes_the_words_of_the_command_line() -> None:
    """Options that only a screen needs are left out; recipe fields come as `overrides`."""
    command, library = (set(inspect.signature(call).parameters) for call in (cli.train, alexnet.train))
    assert command - library == {"tensorboard", "no_baseline", "json"}
    assert library - command == {"baseline", "listen", "notice", "should_stop", "splits"}
    command, library = (set(inspect.signature(call).parameters) for call in (cli.compare, alexnet.compare))
    assert command - library == {"json"}
    more = {
        "inspect": {"workers", "on_progress"},
        "pack": {"on_progress", "should_stop"},
        "study": {"listen", "should_stop"},
        "export": {"listen"},
    }
    for verb in ("evaluate", "inspect", "pack", "convert", "summary", "report", "study", "export"):
        command, library = (set(inspect.signature(getattr(module, verb)).parameters) for module in (cli, alexnet))
        assert command - library <= {"json"}, verb
        assert library - command == more.get(verb, set()), verb
    assert {"top", "views"} <= set(inspect.signature(alexnet.Classifier.predict).parameters)


def test_train_load_evaluate_predict(tmp_path: Path, digits_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without a listener, the messages of a training go to the logger."""
    with caplog.at_level(logging.INFO, logger="alexnet"):
        result = alexnet.train(digits_folder, model="lenet", epochs=1, out=tmp_path / "run")
    assert "Reading 300 pictures of 10 classes" in caplog.text
    assert alexnet.load(tmp_path / "run").model_card.precision is not None
    assert isinstance(result, alexnet.Result)
    assert alexnet.evaluate(tmp_path / "run").top1_error == result.test_error
    (answer,) = alexnet.load(tmp_path / "run").predict(digits_folder / "0" / "0000.png", top=3)
    assert len(answer.top) == 3
    with pytest.raises(alexnet.AlexNetError, match="already holds a run"):
        alexnet.train(digits_folder, model="lenet", epochs=1, out=tmp_path / "run")


def test_inspect_takes_what_the_command_takes(digits_folder: Path) -> None:
    found = alexnet.inspect(str(digits_folder))
    assert isinstance(found, alexnet.Inspection)
    assert found == alexnet.inspect(digits_folder) == alexnet.inspect(alexnet.open_dataset(digits_folder), workers=2)
    assert sum(found.splits.values()) == 300
    assert alexnet.inspect("digits").name == "digits"


def test_pack_then_use(digits_folder: Path, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    packed = alexnet.pack(str(digits_folder), str(tmp_path / "digits.zip"), size=16, on_progress=lambda *step: heard.append(step))
    assert isinstance(packed, alexnet.PackSummary)
    assert (packed.n, heard[-1]) == (300, (300, 300))
    assert isinstance(alexnet.open_dataset(str(tmp_path / "digits.zip")), alexnet.Dataset)
    assert alexnet.inspect(tmp_path / "digits.zip").classes == tuple("0123456789")


def test_summary_counts_networks_and_checks_the_lecture() -> None:
    found = alexnet.summary("alexnet", "lenet", lecture=True, variants=True, lang="zh")
    assert isinstance(found, alexnet.SummaryReport)
    assert [one.parameters for one in found.models] == [60_965_224, 61_706]
    assert found.lecture is not None
    assert found.lecture.lang == "zh"
    assert set(found.to_json()) == {"models", "lecture", "variants"}
    assert set(alexnet.summary(classes=7).to_json()) == {"models"}


def test_report_rebuilds_the_page_of_a_run(digits_run: Path, tmp_path: Path) -> None:
    assert alexnet.report(str(digits_run), out=str(tmp_path / "page.html")) == tmp_path / "page.html"
    assert (tmp_path / "page.html").read_bytes() == (digits_run / "report.html").read_bytes()
    assert 'lang="zh' in alexnet.report(digits_run, out=tmp_path / "zh.html", lang="zh").read_text(encoding="utf-8")


def test_evaluate_and_load_take_a_word_or_a_path(digits_run: Path, digits_folder: Path) -> None:
    found = alexnet.evaluate(str(digits_run), str(digits_folder))
    assert isinstance(found, alexnet.Evaluation)
    assert found.top1_error == alexnet.evaluate(digits_run, alexnet.open_dataset(digits_folder)).top1_error
    (answer,) = alexnet.load(str(digits_run)).predict(str(digits_folder / "0" / "0000.png"))
    assert isinstance(answer, alexnet.Prediction)


NO_PLACES = [None, 3, 2.5, True, b"x", "", "\0", "a" * 5000, "\ud800", "~nobody-here/x", [], {}, object(), np.zeros(3)]
MISSING = ["nowhere", Path("nowhere"), Path("file.txt"), Path("empty"), "file.txt/x"]
WORDS = [None, 3, 2.5, True, "", "zz", "\0", b"x", [], {}, object(), np.zeros(3), float("nan")]
NUMBERS = ["", "zz", "3", 2.5, b"x", [], {}, object(), np.zeros(3), float("nan"), True, -1]

Call = Callable[..., object]


def takes_place() -> dict[str, Call]:
    """Calls of one argument, which names a place or a data set."""
    return {
        "open_dataset": alexnet.open_dataset,
        "inspect": alexnet.inspect,
        "load": alexnet.load,
        "report": alexnet.report,
        "lecture_page": alexnet.lecture_page,
        "evaluate": alexnet.evaluate,
        "pack": lambda value: alexnet.pack(value, "out.zip"),
        "convert": lambda value: alexnet.convert(value, from_form="alexnet", to_form="dense", out="out.pth"),
        "summary": alexnet.summary,
    }


def takes_out() -> dict[str, Call]:
    """Calls of a place to write that cannot be written."""
    return {
        "pack": lambda value: alexnet.pack("digits", value),
        "convert": lambda value: alexnet.convert("file.txt", from_form="alexnet", to_form="dense", out=value),
        "lecture_page": lambda value: alexnet.lecture_page("empty", out=value),
    }


def takes_word() -> dict[str, Call]:
    """Calls of a word out of a few."""
    return {
        "evaluate split": lambda value: alexnet.evaluate("empty", split=value),
        "evaluate views": lambda value: alexnet.evaluate("empty", views=value),
        "evaluate device": lambda value: alexnet.evaluate("empty", device=value),
        "load device": lambda value: alexnet.load("empty", device=value),
        "lecture_page lang": lambda value: alexnet.lecture_page(lang=value),
        "report lang": lambda value: alexnet.report("empty", lang=value),
        "summary lang": lambda value: alexnet.summary("lenet", lecture=True, lang=value),
        "convert from": lambda value: alexnet.convert("file.txt", from_form=value, to_form="dense", out="out.pth"),
        "convert to": lambda value: alexnet.convert("file.txt", from_form="alexnet", to_form=value, out="out.pth"),
    }


def takes_number() -> dict[str, Call]:
    """Calls of a whole number."""
    return {
        "evaluate workers": lambda value: alexnet.evaluate("empty", workers=value),
        "inspect workers": lambda value: alexnet.inspect("digits", workers=value),
        "pack size": lambda value: alexnet.pack("digits", "out.zip", size=value),
        "pack quality": lambda value: alexnet.pack("digits", "out.zip", quality=value),
        "summary classes": lambda value: alexnet.summary("lenet", classes=value),
        "summary image_size": lambda value: alexnet.summary("lenet", image_size=value),
        "summary channels": lambda value: alexnet.summary("lenet", channels=value),
    }


def takes_anything_else() -> dict[str, Call]:
    """Options of the long verbs: nothing that is handed in here is of the kind of any of them."""
    options = {
        "train": "model recipe out epochs budget seed image_size workers weights device splits overrides layout",
        "compare": "models fractions seeds budget out workers",
        "study": "claims seeds budget out on processes overrides lang",
    }
    return {f"{verb} {name}": handed(getattr(alexnet, verb), name) for verb, names in options.items() for name in names.split()}


def handed(verb: Call, name: str) -> Call:
    """A call of one option."""
    return lambda value: verb("digits", **{name: value})


@pytest.mark.parametrize("verb", ["train", "compare", "study"])
def test_data_that_is_none(verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for value in [*NO_PLACES, "nowhere", tmp_path]:
        assert outcome(getattr(alexnet, verb), value).startswith("a message: "), value


@pytest.mark.parametrize(
    ("calls", "values"),
    [
        (takes_anything_else, [b"x", object(), np.zeros(3), float("nan")]),
        (takes_place, NO_PLACES + MISSING),
        (takes_out, [*NO_PLACES, "empty", "file.txt"]),
        (takes_word, WORDS),
        (takes_number, NUMBERS),
    ],
)
def test_a_mistake_of_the_caller_s_is_one_message(
    calls: Callable[[], dict[str, Call]], values: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never another exception, whatever is handed in; and nothing is left lying about."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("no data set, run or file of weights")
    (tmp_path / "empty").mkdir()
    for name, call in calls().items():
        for value in values:
            assert outcome(call, value).startswith("a message: "), (name, value, outcome(call, value))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file.txt"]


def outcome(call: Call, value: object) -> str:
    """What a call came to: a message for the user, or what should not have happened."""
    try:
        call(value)
    except alexnet.AlexNetError as mistake:
        return f"a message: {mistake}" if str(mistake).strip() else "a mistake without a message"
    except Exception as defect:
        return f"{type(defect).__name__}: {defect}"
    return "nothing was wrong"
