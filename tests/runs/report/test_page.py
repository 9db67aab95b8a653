"""The report page, built from real predictions on scikit-learn's digits."""

import base64
import hashlib
import re
import stat
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from tests.pages.reading import Page, assert_complete_in_itself
from tests.runs.report.report_values import altered, report_of, value_of

from alexnet.errors import BadRun, CannotWrite
from alexnet.evaluation.metrics import reliability_bins
from alexnet.i18n.phrases import REASONS, VALUES, PageWords, beside
from alexnet.i18n.translate import Lang, say, table
from alexnet.runs.report.head import Head
from alexnet.runs.report.page import page_of, write_report
from alexnet.runs.report.part import RunReport
from alexnet.runs.report.section import RunPage
from alexnet.runs.report.sections import SECTIONS as ROWS
from alexnet.runs.report.sections import baseline as baseline_section
from alexnet.runs.report.sections.evaluation import Evaluations
from alexnet.runs.report.sections.mistakes import Mistake
from alexnet.runs.tried import Search, Tried, WhyNot

SECTIONS = ["headline", "figures", "trained", "curves", "evaluation", "classes", "confusion", "calibration", "mistakes", "filters"]
SECTIONS += ["layers", "published", "skipped", "recipe", "repeat", "environment"]


@cache
def digits() -> tuple[NDArray[np.float64], NDArray[np.int64], torch.Tensor]:
    """Probabilities, labels and images of the last 597 digits, by a linear model fitted on the first 1,200."""
    images, labels = load_digits(return_X_y=True)
    model = LogisticRegression(max_iter=200, C=0.01).fit(images[:1200] / 16, labels[:1200])
    shown = torch.from_numpy((images[1200:] * 15.9).astype(np.uint8)).reshape(-1, 1, 8, 8).expand(-1, 3, -1, -1)
    return model.predict_proba(images[1200:] / 16), labels[1200:].astype(np.int64), shown


def evaluation(probabilities: NDArray[np.float64], labels: NDArray[np.int64], names: list[str]) -> dict[str, Any]:
    predicted = probabilities.argmax(axis=1)
    confusion = confusion_matrix(labels, predicted, labels=range(len(names)))
    error = float((predicted != labels).mean())
    rows = [
        {"class": name, "n": int(c.sum()), "error": float(1 - c[i] / c.sum()), "precision": 0.9, "recall": float(c[i] / c.sum())}
        for i, (name, c) in enumerate(zip(names, confusion, strict=True))
    ]
    return {
        "n": len(labels), "top1_error": error, "top5_error": 0.004, "interval": [error - 0.02, error + 0.03],
        "balanced_accuracy": 1 - error, "classes": names, "per_class": rows, "confusion": confusion.tolist(),
        "calibration_error": 0.061, "seconds": 0.4, "view": "centre",
    }  # fmt: skip


def digits_report(names: list[str] | None = None) -> RunReport:
    """A report with every part."""
    probabilities, labels, images = digits()
    names = names or [f"digit {i}" for i in range(10)]
    wrong = [i for i in np.argsort(-probabilities.max(axis=1)) if probabilities[i].argmax() != labels[i]]
    falling = {"training_loss": 2, "training_error": 0.8, "validation_loss": 2.1, "validation_error": 0.9, "learning_rate": 0.1}
    history = [
        {"epoch": e, "step": 10 * e, "images_per_second": 1234.0, "seconds": 3.0 * e} | {key: start / e for key, start in falling.items()}
        for e in range(1, 21)
    ]
    return report_of(
        title="digits, linear",
        model="lenet",
        model_reason="The pictures are small: lenet takes 28 px.",
        recipe={"seed": 1, "data": {"flip": False}, "training": {"learning_rate": 0.1, "schedule": None, "steps": [1, 2]}},
        recipe_name="quick",
        command="alexnet train digits --model lenet --seed 1 --out runs/digits",
        dataset="digits",
        counts={"train": 1100, "validation": 100, "test": 597},
        classes=names,
        history=history,
        evaluations={
            "test, centre crop": evaluation(probabilities, labels, names),
            "test, 10 views": evaluation(probabilities, labels, names),
        },
        reliability=reliability_bins(probabilities, labels),
        mistakes=[
            Mistake(
                image=images[i],
                name=f"test/{i}.png",
                true=names[labels[i]],
                predicted=names[probabilities[i].argmax()],
                probability=float(probabilities[i].max()),
            )
            for i in wrong
        ],
        filters=torch.randn(24, 3, 5, 5, generator=torch.Generator().manual_seed(1)),
        skipped=[{"name": "train/3/broken.png", "class_name": "3", "reason": "is cut short"}],
        environment={"processor": "a processor with 2 cores", "torch": torch.__version__},
        layers=[
            {"name": "conv1", "kind": "conv", "output": (6, 28, 28), "parameters": 156, "macs": 117_600},
            {"name": "fc", "kind": "fc", "output": [10], "parameters": 61_550, "macs": 298_920},
        ],
        published=[("Fashion-MNIST, D2L LeNet (10 epochs)", "test .779-.788", "D2L outputs")],
    )


@pytest.fixture
def written(tmp_path: Path) -> Callable[[RunReport], str]:
    def write(report: RunReport) -> str:
        write_report(report, tmp_path / "report.html")
        return (tmp_path / "report.html").read_text("utf-8")

    return write


Written = Callable[[RunReport], str]

NO_PLOTS: dict[str, Any] = {"history": (), "evaluations": {}, "reliability": ()}  # drawing takes half a second


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of the report with every part."""
    out = tmp_path_factory.mktemp("whole") / "report.html"
    write_report(digits_report(), out)
    return out.read_text("utf-8")


def svgs(html: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)]


def test_every_section_is_there_once_and_every_link_arrives(whole: str) -> None:
    page = Page(whole)
    assert [identity for identity in page.ids if identity in SECTIONS] == SECTIONS
    assert len(set(page.ids)) == len(page.ids)
    links = [href for a in page.all("a") if (href := a["href"])]
    assert links
    assert all(href[1:] in page.ids for href in links)
    assert len(page.all("main")) == len(page.all("h1")) == 1


def test_sections_stand_in_the_order_of_their_rows_and_share_no_value() -> None:
    ids = Page(page_of([altered(digits_report(), baseline={"model": "hog-svm"}, search=SEARCH)])).ids
    names = [row.name for row in ROWS if row.name != "solver"]
    assert [identity for identity in ids if identity in names] == names
    kept = [field.name for row in ROWS if row.part is not None for field in fields(row.part.kind)]
    assert len(set(kept)) == len(kept)


def test_a_damaged_evaluation_is_not_called_a_missing_test() -> None:
    text = Page(page_of([unreadable(digits_report(), Evaluations, "it is torn")])).text
    assert "This section is left out because its values in the run folder are damaged (it is torn)." in text
    assert "No test set was opened" not in text
    assert "not yet tested" not in text
    assert "not yet tested" not in Page(page_of([unreadable(altered(digits_report(), history=()), Evaluations, "torn")])).text


def test_headline_says_the_result_in_plain_words() -> None:
    probabilities, labels, _ = digits()
    report = digits_report()
    given = {
        **evaluation(probabilities, labels, list(value_of(report, "classes"))),
        "n": 10_000,
        "top1_error": 0.087,
        "interval": [0.082, 0.093],
    }
    head = Head(RunPage(altered(report, model="alexnet-cifar", evaluations={"test, centre crop": given})))
    assert head.headline.striptags() == (
        "alexnet-cifar classifies 91.3% of 10,000 unseen pictures correctly (between 90.7% and 91.8%, 95% interval)"
    )


def test_where_classes_differ_much_in_size_the_headline_is_that_of_an_average_class() -> None:
    """90 of one class and 10 of another, half of them wrong: 95% of the images, 75% of an average class."""
    labels = np.repeat([0, 1], [90, 10])
    probabilities = np.eye(2)[np.where(np.arange(100) < 95, 0, 1)]
    values = {**evaluation(probabilities, labels, ["cat", "dog"]), "balanced_accuracy": 0.75}
    report = altered(digits_report(["cat", "dog"] * 5), model="lenet", evaluations={"test, centre": values})
    headline = Head(RunPage(report)).headline.striptags()
    assert headline.startswith("lenet classifies 75.0% of an average class correctly, and 95.0% of 100 unseen pictures")
    even = {**values, "per_class": [{**row, "n": 50} for row in values["per_class"]]}
    assert "average class" not in Head(RunPage(altered(report, evaluations={"test, centre": even}))).headline


def test_frozen_parameters_are_not_called_trainable(whole: str) -> None:
    trained = Page(whole)
    frozen = Page(page_of([altered(digits_report(), parameters=61_550, **NO_PLOTS)]))
    assert "61,550" in frozen.text
    assert "trainable, of 61,706 in all" in frozen.text
    assert "trainable" not in trained.text


def test_nothing_is_loaded_from_anywhere(written: Written) -> None:
    html = written(altered(digits_report(), published=[("LeNet", 0.8, "https://d2l.ai")]))
    page = Page(html)
    assert_complete_in_itself(page, links=frozenset({"https://d2l.ai"}))
    for tag, attributes in page.elements:
        href = attributes.get("href") or "#"
        assert href.startswith(("#", "data:")) or (tag, href) == ("a", "https://d2l.ai")
    assert html.count("https://d2l.ai") == 2  # the link and its text


def test_every_image_is_described(whole: str) -> None:
    page = Page(whole)
    assert page.all("img")
    assert all("alt" in image for image in page.all("img"))
    assert len(page.all("svg")) == 5
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in page.all("svg"))


def test_plots_are_well_formed_keep_their_text_and_never_share_ids(whole: str) -> None:
    plots = svgs(whole)
    ids = [{e.attrib["id"] for e in svg.iter() if "id" in e.attrib} for svg in plots]
    assert sum(map(len, ids)) == len(set().union(*ids))
    for svg, own in zip(plots, ids, strict=True):
        text = ElementTree.tostring(svg, "unicode")
        assert "<text" in text
        assert "var(--accent)" in text
        assert set(re.findall(r'(?:url\(|href=")#([^")]+)', text)) <= own
        assert not [style for e in svg.iter() if "#" in (style := e.attrib.get("style", ""))]  # the page's variables alone


HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "]]></text></svg><b>", "$\\frac{1}", "a & b", "café 猫 🐈",
    "nul\x00line\nbreak", "{{ 7 * 7 }}", "caf\udce9", "fill: #b3401f " + "very long " * 30,
]  # fmt: skip


def test_hostile_names_stay_text(written: Written) -> None:
    report = altered(digits_report(HOSTILE), title="</title><script>x</script>", dataset="</style><script>y</script>")
    report = altered(
        report, command="echo '</code><script>z</script>'", skipped=[{"name": h, "class_name": h, "reason": h} for h in HOSTILE]
    )
    html = written(report)
    page = Page(html)
    assert len(page.all("script")) == 1
    assert not page.all("b")
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7 * 7 }}" in page.text
    labels = "".join(text for svg in svgs(html) for text in svg.itertext())
    assert "<script>alert(1)</" in labels
    assert "$\\frac{1}" in labels
    assert "fill: #b3401f ver" in labels


def test_the_home_folder_is_not_shown(written: Written) -> None:
    places = {"dataset": "/home/ann/my photos", "recipe": {"data": "/home/ann/my photos"}, "command": "alexnet train '/home/ann/my photos'"}
    text = Page(written(altered(digits_report(), title="lenet on /home/ann/my photos", **places, **NO_PLOTS))).text
    assert "lenet on my photos" in text
    assert "alexnet train ~/'my photos'" in text
    assert 'data = "~/my photos"' in text
    assert "/home" not in text


def test_no_test_set_is_said_instead_of_an_empty_table(written: Written) -> None:
    text = Page(written(altered(digits_report(), evaluations={}, reliability=(), counts={"train": 9, "validation": 1}))).text
    assert "lenet classifies 95.5% of its validation pictures correctly" in " ".join(text.split())
    assert "No test set was opened." in text
    assert "This run has no test set" in text
    assert "top-5 error" not in text


def test_validation_images_are_not_called_unseen() -> None:
    report = digits_report()
    judged = value_of(report, "evaluations")["test, centre crop"]
    assert "597 validation pictures" in Head(RunPage(altered(report, evaluations={"validation, centre crop": judged}))).headline


def test_only_the_necessary_parts_make_a_page(written: Written) -> None:
    report = report_of(
        title="", model="lenet", model_reason="", recipe={}, recipe_name="", command="", dataset="digits", counts={}, classes=["a", "b"]
    )  # fmt: skip
    page = Page(written(report))
    assert "has not been tested yet" in page.text
    assert "No learning curve was recorded" in page.text
    assert not {"classes", "confusion", "mistakes", "filters", "layers", "published", "baseline"} & set(page.ids)


@pytest.mark.parametrize(
    "history",
    [
        [{"epoch": 1, "training_loss": float("nan"), "validation_error": None}],
        [{"epoch": 1, "training_loss": 2.0}, {"epoch": 1, "training_loss": 1.0}],
        [{"training_loss": np.float32(2.0), "learning_rate": 0.1}, {}, {"validation_loss": float("inf")}],
        [{"step": i, "training_loss": 1 / (i + 1), "seconds": float(i)} for i in range(20_000)],
    ],
)
def test_history_may_have_holes(written: Written, history: list[dict[str, Any]]) -> None:
    assert len(written(altered(digits_report(), history=history, evaluations={}, reliability=()))) < 400_000


def test_evaluation_may_have_holes(written: Written) -> None:
    bare = {"n": 5, "top1_error": 0.2, "interval": {"low": 0.1, "high": 0.4}, "per_class": [{"class": 1, "n": 0, "error": None}]}
    text = Page(written(altered(digits_report(), evaluations={"test": bare, "other": {"n": 0, "top1_error": float("nan")}}))).text
    assert "10.0% to 40.0%" in text
    assert "digit 1" in text
    assert "nan" not in text


def test_two_classes(written: Written) -> None:
    probabilities, labels, _ = digits()
    two = np.stack([probabilities[:, :5].sum(axis=1), probabilities[:, 5:].sum(axis=1)], axis=1)
    results = {"test": evaluation(two, labels // 5, ["low", "high"])}
    html = written(altered(digits_report(["low", "high"] + ["x"] * 8), classes=["low", "high"], evaluations=results))
    text = Page(html).text
    assert "Top-5 error is meaningless with 2 classes" in text
    assert "0.40%" not in text
    assert len(svgs(html)) == 5


def test_a_thousand_classes_list_the_most_confused_pairs(written: Written) -> None:
    random = np.random.default_rng(1)
    labels = np.repeat(np.arange(1000), 5)
    probabilities = random.random((5000, 1000))
    probabilities[np.arange(5000), labels] += 0.3
    names = [f"class {i}" for i in range(1000)]
    html = written(altered(digits_report(), classes=names, evaluations={"test": evaluation(probabilities, labels, names)}))
    page = Page(html)
    assert len(svgs(html)) == 4
    assert "The most confused pairs" in page.text
    assert "The other 980 classes" in page.text
    assert len(html) < 1_500_000


def test_large_images_are_shrunk_and_the_file_stays_small(written: Written) -> None:
    random = torch.Generator().manual_seed(1)
    noise = torch.randint(0, 256, (3, 900, 600), generator=random, dtype=torch.uint8)
    mistakes = [Mistake(image=noise, name=f"{i}.jpg", true="a", predicted="b", probability=0.999) for i in range(100)]
    filters = torch.randn(96, 3, 11, 11, generator=random)
    html = written(altered(digits_report(), mistakes=mistakes, filters=filters, **NO_PLOTS))
    assert len(html) < 2_000_000
    assert html.count('src="data:image/jpeg') == 24
    assert "with over 99%" in Page(html).text


@pytest.mark.parametrize("shape", [(6, 1, 5, 5), (4, 2, 3, 3), (300, 3, 7, 7)])
def test_filters_of_any_shape(written: Written, shape: tuple[int, ...]) -> None:
    filters = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    filters[0] = float("nan")
    assert written(altered(digits_report(), filters=filters, mistakes=(), **NO_PLOTS)).count('src="data:image/png') == min(shape[0], 256)


def test_baseline_section_only_with_a_baseline(written: Written) -> None:
    page = Page(written(altered(digits_report(), baseline={"model": "hog-svm", "result": {"test error": "9.1%"}}, **NO_PLOTS)))
    assert "baseline" in page.ids
    assert "hog-svm" in page.text
    assert "9.1%" in page.text


def test_several_runs_share_a_page_without_sharing_ids() -> None:
    page = Page(page_of([digits_report(), altered(digits_report(), title="another")]))
    assert len(set(page.ids)) == len(page.ids)
    assert {"run1-confusion", "run2-confusion"} <= set(page.ids)


def test_the_same_run_gives_the_same_bytes(whole: str, written: Written) -> None:
    assert written(digits_report()) == whole


def test_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "new" / "folder" / "report.html"
    report = altered(digits_report(), **NO_PLOTS)
    write_report(report, out)
    before = out.read_bytes()
    assert stat.S_IMODE(out.stat().st_mode) & stat.S_IRUSR

    def full_disk(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(CannotWrite, match="the disk is full"):
        write_report(altered(report, title="another"), out)
    assert out.read_bytes() == before
    assert list(out.parent.iterdir()) == [out]


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRun, match=r"is a folder.*Choose a file name"):
        write_report(altered(digits_report(), **NO_PLOTS), tmp_path)


def rows_without_result() -> tuple[Tried, ...]:
    return tuple(Tried(model="alexnet", why_not=why, needed=90.0, left=4.0, detail="原因") for why in get_args(WhyNot))


SEARCH = Search(
    budget_seconds=60.0,
    validation=100,
    tried=(
        Tried(model="hog-svm", error=0.1, seconds=7.0),
        Tried(model="lenet", error=0.11, seconds=9.0, image_size=28, width=1.0, epochs=2.5),
        *rows_without_result(),
    ),
)


BALANCED = (
    Tried(model="hog-svm", error=0.1, seconds=7.0, balance="loss", balanced_error=0.2),
    Tried(model="lenet", error=0.11, seconds=9.0, balanced_error=0.21),
)


def chinese_reports() -> list[RunReport]:
    """Reports that together make the page say all it can; what a user chose is in Chinese, or named in OF_THE_USER."""
    full = digits_report([f"数字{i}" for i in range(10)])
    baseline = {
        "in a sentence": "hog-svm has a validation error of 20.0%.", "model": "hog-svm", "kernel": "linear", "n_train": 9, "n_test": 9,
        "validation_error": 0.2, "test_error": None, "test_interval": None, "seconds": 3.0, "relative_duality_gap": 0.1,
    }  # fmt: skip
    solver: dict[str, Any] = dict.fromkeys(("C", "gamma", "primal objective", "dual objective", "relative duality gap", "passes"), 0.1)
    figures = {"error": "1%", "training": "2", "gap": "3%", "validation": "4", "strength": "5", "gamma": "6", "kernel": "linear"}
    figures |= {"dataset": "数字", "number": "2"}
    solver |= {f"{say('report.trial_name', 'en', strength=i)}": say(name, "en", **figures) for i, name in enumerate(VALUES)}
    tried = {say(name, "en", **figures): say("report.trial", "en", **figures) for name in ("report.trial_name", "report.trial_name_gamma")}
    solver |= {"kernel": "linear", "method": say("report.method_dual", "en"), "trained on": "9 training pictures", "tried": tried}
    full = altered(
        full,
        title="lenet on digits",
        model_reason="",
        evaluations={
            "test, centre": value_of(full, "evaluations")["test, centre crop"],
            "test, ten": value_of(full, "evaluations")["test, 10 views"],
        },
        skipped=[{"name": "1.png", "class_name": "三", "reason": "不完整"}] * 201,
        environment={"processor": "2", "precision": "32", "system": "3"},
        published=[("甲", "乙", "丙")],
        seconds=3725.0,
        parameters=60_965_224,
        macs=720_351_776,
        baseline=baseline,
        search=SEARCH,
    )
    names = [f"类{i}" for i in range(40)]
    random = np.random.default_rng(1)
    many = evaluation(random.random((80, 40)), np.repeat(np.arange(40), 2), names)
    right = evaluation(np.eye(2)[[0, 1]], np.array([0, 1]), ["甲", "乙"])
    wrong = evaluation(np.eye(2)[[1, 0]], np.array([0, 1]), ["甲", "乙"])
    uneven = evaluation(np.eye(2)[np.repeat([0, 1], [9, 1])], np.repeat([0, 1], [9, 1]), ["甲", "乙"])
    validated = {"validation, any": value_of(full, "evaluations")["test, centre"]}
    records = [{**row, "epoch": 1, "step": 1} for row in value_of(full, "history")]
    sure = [replace(value_of(full, "mistakes")[0], probability=0.999)]
    binned = {"reliability": (), "skipped": value_of(full, "skipped")[:1]}
    counts = {"validation": 1, "training": 2}
    steps = [{"step": i, "validation_error": 1 / i} for i in (1, 2)]
    reports = [
        full,
        beside_own(altered(full, classes=names, evaluations={"test": many}, **binned), 0.999),
        altered(full, classes=["甲", "乙"], evaluations={"train": right}, skipped=(), filters=torch.randn(300, 3, 2, 2), mistakes=sure),
        beside_own(altered(full, evaluations=validated, history=records, solver={**solver, "seconds": 42}), 0.001),
        altered(full, evaluations={"training": right}, history=steps),
        altered(full, evaluations={}, reliability=(), history=[{"epoch": 1.0, "validation_error": 0.5}], macs=7_203_517_760),
        altered(full, evaluations={}, reliability=(), history=[{"validation_error": 0.5}], counts=counts),
        altered(full, evaluations={}, reliability=(), history=(), parameters=61_550),  # conv1 frozen
        altered(full, evaluations={"test": wrong}, history=steps, baseline=baseline, search=replace(SEARCH, tried=SEARCH.tried[:1])),
        altered(full, search=replace(SEARCH, validation=1_000_000), evaluations={"test": uneven}),
        *(altered(full, search=replace(SEARCH, validation=n, tried=BALANCED[:m])) for n, m in ((9, 2), (1_000_000, 2), (9, 1))),
        altered(full, evaluations={"test": wrong}, model="hog-svm", title="hog-svm on digits", baseline=None),
        unreadable(altered(full, history=()), Evaluations, "坏"),
        *(altered(full, recipe={"training": {"balance": "loss"}}, history=[{**at, "validation_balanced_error": 0.5}]) for at in PLACES),
    ]
    sentences = [say(name, "en", side="28", tried="3") for name in REASONS]
    return [altered(one, model_reason=sentence) for one, sentence in zip(reports, cycle(sentences), strict=False)]


def unreadable(report: RunReport, kind: type, reason: str) -> RunReport:
    """The report as it is read from a file in which that part is damaged."""
    return replace(report, parts=[part for part in report.parts if not isinstance(part, kind)], damaged={kind: reason})


def beside_own(report: RunReport, test_error: float) -> RunReport:
    """The report with a baseline of that error, and the sentence that a run would keep of it."""
    baseline = {**(value_of(report, "baseline") or {}), "test_error": test_error}
    own = next(iter(value_of(report, "evaluations").values()))["top1_error"]
    return altered(report, baseline={**baseline, "in a sentence": beside(baseline, own)})


PLACES: list[dict[str, float]] = [{"epoch": 1.0}, {"step": 1}, {}]  # of a row of the history
COMMA = "\uff0c"  # as Chinese has it
OF_THE_USER = {
    "C",
    "gamma",
    "lenet",
    "digits",
    "quick",
    "png",
    "test",
    "conv",
    "fc",
    "hog",
    "svm",
    "alexnet",
    "torchvision",
    "ImageNet",
    "AlexNet",
    "linear",
    "HOG",
    "SVM",
}


def test_a_chinese_page_says_nothing_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    said: set[str] = set()

    def remembered(name: str, lang: Lang, **values: object) -> str:
        said.add(name)
        return say(name, lang, **values)

    monkeypatch.setattr("alexnet.i18n.phrases.say", remembered)
    for report in chinese_reports():
        page = Page(page_of([report], "zh"))
        assert page.latin_words <= OF_THE_USER
        assert page.all("html") == [{"lang": "zh-Hans"}]
    elsewhere = {"report.copy", "report.copied", "report.explained", "report.search_share"}  # of the script; of other runs
    shared = {name for name in table() if name.startswith("report.")} - said - elsewhere
    assert not shared


def test_chinese_plots_keep_their_text() -> None:
    html = page_of([chinese_reports()[0]], "zh")
    texts = [text for svg in svgs(html) for text in svg.itertext()]
    assert {"错误率", "轮次", "模型的预测", "真实类别", "模型给出的置信度", "数字3"} <= set(texts)
    assert '"Noto Sans SC", "PingFang SC", "Microsoft YaHei"' in html


def test_the_copy_button_speaks_the_language_and_is_the_only_script_allowed() -> None:
    html = page_of([digits_report()], "zh")
    script = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)[0]
    assert '"复制"' in script
    assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in html


def test_hostile_names_stay_text_in_chinese() -> None:
    html = page_of([altered(digits_report(HOSTILE), title="</title><script>x</script>", dataset="{0.__class__}")], "zh")
    page = Page(html)
    assert len(page.all("script")) == 1
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "{0.__class__}" in page.text


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (PageWords("zh").number(60_965_224), "6097 万"),
        (PageWords("zh").number(720_351_776), "7.20 亿"),
        (PageWords("zh").number(61_706), "61,706"),
        (PageWords("zh").number(None), "–"),
        (PageWords("en").number(60_965_224), "61.0 million"),
        (PageWords("en").number(7_203_517_760), "7.20 billion"),
        (PageWords("zh").duration(3725.2), "1 小时 2 分"),
        (PageWords("zh").duration(3.21), "3.2 秒"),
        (PageWords("en").duration(260), "4 min 20 s"),
        (PageWords("zh").certainty(0.999), "99% 以上"),
        (PageWords("zh").certainty(0.984), "98%"),
        (PageWords("zh").view("test, centre"), f"测试集{COMMA}中心裁剪"),
        (PageWords("zh").view("my pictures, ten"), f"my pictures{COMMA}十个视图"),
        (PageWords("zh").key("relative duality gap"), "相对对偶间隙"),
        (PageWords("zh").key("anything else"), "anything else"),
    ],
)
def test_figures_and_names_in_both_languages(said: str, expected: str) -> None:
    assert said == expected


def test_a_sentence_that_was_said_otherwise_stays_as_it_was() -> None:
    report = chinese_reports()[0]
    baseline = {**value_of(report, "baseline"), "in a sentence": "Other words."}
    page = RunPage(altered(report, title="My run", baseline=baseline), words=PageWords("zh"))
    assert Head(page).title == "My run"
    assert baseline_section.view(page) == baseline


def test_the_head_says_what_to_do_about_a_bad_result(written: Written) -> None:
    """Beside the headline, in words: the baseline's name is not that of the system with a kernel."""
    report = altered(
        digits_report(),
        history=[{"epoch": 1.0, "validation_error": 0.65}],
        baseline={"model": "hog-svm", "kernel": "linear", "validation_error": 0.4, "seconds": 2.0, "n_train": 9},
    )
    text = " ".join(Page(written(report)).text.split())
    assert "HOG features under a linear SVM, fitted in 2.0 s, make fewer mistakes on the validation pictures: 40.0%, against 65.0%" in text
    assert "training pictures 9" in text
    assert "n_train" not in text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (None, "hog-svm has a validation error of 20.0%."),
        (0.05, "The network makes 0.50 times as many mistakes as hog-svm, fitted in 3 s."),
        (0.1, "hog-svm, fitted in 3 s, is at least as good: 10.0% against 10.0%."),
        (0.3, "hog-svm, fitted in 3 s, is at least as good: 10.0% against 30.0%."),
    ],
)
def test_the_sentence_beside_a_baseline(error: float | None, said: str) -> None:
    assert beside({"model": "hog-svm", "validation_error": 0.2, "test_error": 0.1, "seconds": 3.4}, error) == said
