"""`alexnet report`: pages made anew from run folders, several runs on one page, and files that no run has written."""

import base64
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.pages.reading import Page
from tests.runs.report.report_values import altered, report_of, value_of
from tests.runs.report.test_page import HOSTILE, digits_report

from alexnet.errors import BadRun, CannotWrite
from alexnet.evaluation.metrics import ReliabilityBin
from alexnet.reports import report_runs
from alexnet.runs.folder import RunFolder
from alexnet.runs.report.page import page_of, write_report
from alexnet.runs.report.part import RunReport
from alexnet.runs.report.record_json import read_report, report_text
from alexnet.runs.report.sections.mistakes import Mistake
from alexnet.storage.files import write_atomically

SCALES = [(index / 7) ** 2 - 0.3 for index in range(54)]


def small_report(title: str = "a run") -> RunReport:
    """Every part that has a form of its own, and few plots."""
    image = torch.arange(3 * 20 * 30, dtype=torch.int64).remainder(251).to(torch.uint8).reshape(3, 20, 30)
    rows = [{"class": name, "n": 4, "error": 0.25, "precision": None, "recall": 0.75} for name in ("cat", "dog")]
    tested = {"n": 8, "top1_error": 0.25, "interval": [0.1, 0.5], "classes": ["cat", "dog"], "per_class": rows}
    return report_of(
        title=title,
        model="lenet",
        model_reason="This model was chosen because it was requested.",
        recipe={"seed": 1, "training": {"steps": [1, 2], "schedule": None}},
        recipe_name="quick",
        command="alexnet train pets",
        dataset="pets",
        counts={"training": 20, "validation": 4, "test": 8},
        classes=("cat", "dog"),
        history=({"epoch": 1, "training_loss": 0.1 + 0.2},),
        evaluations={"test, centre": {**tested, "confusion": [[3, 1], [1, 3]]}},
        reliability=(ReliabilityBin(0.5, 1.0, 8, 0.8, 0.75),),
        mistakes=[Mistake(image=image, name="cat/1.png", true="cat", predicted="dog", probability=0.9)],
        filters=torch.tensor(SCALES).reshape(2, 3, 3, 3),
        environment={"processor": "a processor"},
        layers=({"name": "conv1", "kind": "conv", "output": (6, 28, 28), "parameters": 156, "macs": 117_600},),
        published=[("LeNet", ".2", "https://d2l.ai")],
        seconds=3.0,
    )


def run_folder(path: Path, report: RunReport) -> Path:
    """A finished run, as far as its page is concerned."""
    folder = RunFolder(path)
    folder.model.mkdir(parents=True)
    folder.recipe.write_text('name = "quick"\ndata = "pets"\nmodel = "lenet"\n', "utf-8")
    oldest = {"run": str(path), "model": "lenet", "recipe": "quick", "epochs": 1, "seconds": 1, "validation_error": 0, "test_error": None}
    folder.result.write_text(json.dumps(oldest), "utf-8")  # with the keys that the first version wrote
    write_atomically(folder.report_json, report_text(report))
    write_report(report, folder.report)
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_folder(tmp_path / "run ü", small_report())


def test_the_page_of_a_real_run_is_made_anew_byte_for_byte(digits_run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(digits_run, copy)
    written = (copy / "report.html").read_bytes()
    (copy / "report.html").unlink()
    assert report_runs([copy]) == copy / "report.html"
    assert (copy / "report.html").read_bytes() == written
    assert report_runs([copy], out=tmp_path / "new" / "page.html") == tmp_path / "new" / "page.html"
    assert (tmp_path / "new" / "page.html").read_bytes() == written


def test_every_part_comes_back(tmp_path: Path) -> None:
    report = altered(
        digits_report(HOSTILE),
        baseline={"model": "hog-svm", "interval": (0.1, 0.25), "deep": {"test error": None}},
        solver=None,
        parameters=7,
    )
    history = [*value_of(report, "history"), {"epoch": 21, "training_loss": float("nan")}]
    report = altered(report, mistakes=value_of(report, "mistakes")[:24], history=history)
    write_atomically(tmp_path / "report.json", report_text(report))
    read = read_report(tmp_path / "report.json")
    assert report_text(read) == report_text(report)
    assert page_of([read]) == page_of([report])
    assert torch.equal(value_of(read, "filters"), value_of(report, "filters"))
    mistakes = zip(value_of(read, "mistakes"), value_of(report, "mistakes"), strict=True)
    assert all(torch.equal(one.image, other.image) for one, other in mistakes)


def test_numbers_of_numpy_and_half_precision_become_plain(tmp_path: Path) -> None:
    history = [{"epoch": 1, "training_loss": torch.tensor(2.5).numpy()[()], "seconds": 3}]
    report = altered(small_report(), history=history, filters=torch.tensor(SCALES).reshape(2, 3, 3, 3).half())
    write_atomically(tmp_path / "report.json", report_text(report))
    assert page_of([read_report(tmp_path / "report.json")]) == page_of([report])
    assert json.loads(report_text(report))["history"][0]["training_loss"] == 2.5


def test_two_runs_share_a_page(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = run_folder(tmp_path / "other", small_report("another run"))
    monkeypatch.chdir(tmp_path)
    assert report_runs([run, other]) == Path("report.html")
    html = (tmp_path / "report.html").read_text("utf-8")
    assert html == page_of([small_report(), small_report("another run")])
    page = Page(html)
    assert {"run1-trained", "run2-trained"} <= set(page.ids)
    assert "a run · another run" in page.text
    report_runs([run, other], lang="zh")  # over a page of ours
    assert '<html lang="zh-Hans">' in (tmp_path / "report.html").read_text("utf-8")


@pytest.mark.parametrize("content", ["<!doctype html>\n<p>my thesis</p>", "\x00\x01", ""])
def test_a_file_that_is_no_report_stays(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("report.html").write_text(content, "utf-8")
    with pytest.raises(BadRun, match=r"report.html exists and is not an alexnet report; choose another --out"):
        report_runs([run, run])
    Path("notes.html").write_text(content, "utf-8")
    with pytest.raises(BadRun, match=r"notes.html exists and is not an alexnet report"):
        report_runs([run], out=Path("notes.html"))
    assert Path("report.html").read_text("utf-8") == content


def test_a_run_keeps_its_own_page_when_several_are_put_together_inside_it(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run)
    with pytest.raises(BadRun, match=r"The current folder is a run folder.*set --out FILE"):
        report_runs([run, run])


def refused(run: Path, **options: Any) -> str:
    with pytest.raises((BadRun, CannotWrite)) as error:
        report_runs([run], **options)
    return str(error.value)


def test_what_is_no_finished_run_is_refused_with_what_to_do(run: Path, tmp_path: Path) -> None:
    assert "does not exist; pass a folder that alexnet train, compare or study wrote" in refused(tmp_path / "nowhere")
    assert "is a file; pass a folder" in refused(run / "result.json")
    assert "has no page: it holds no comparison.json (a comparison) or study.json (a study) or recipe.toml (a run)" in refused(tmp_path)
    (run / "report.json").unlink()
    message = refused(run)
    assert "is a run of an earlier version, without the report.json" in message
    assert f"measure the run again: alexnet evaluate '{run}'" in message
    (run / "result.json").unlink()
    assert f"has not finished and has no report yet. Resume with: alexnet train --out '{run}' --resume" in refused(run)
    with pytest.raises(BadRun, match="No run folder given"):
        report_runs([])


def test_the_lectures_page_is_made_by_its_own_command(tmp_path: Path) -> None:
    (tmp_path / "lecture.zh.html").write_text("")
    assert "holds the lecture's page" in refused(tmp_path)
    assert "alexnet lecture [STUDY...]" in refused(tmp_path)


def test_a_comparison_shares_no_page_and_one_that_has_not_ended_is_gone_on_with(run: Path, tmp_path: Path) -> None:
    comparison = tmp_path / "compared"
    comparison.mkdir()
    asked = {"data": "my pets", "models": ["lenet"], "fractions": [1.0], "seeds": 1, "budget": None}
    (comparison / "comparison.json").write_text(json.dumps(asked), "utf-8")
    with pytest.raises(BadRun, match=rf"is a comparison, which has a page of its own: alexnet report {comparison}"):
        report_runs([run, comparison])
    assert f"Resume with: alexnet compare 'my pets' --out {comparison}" in refused(comparison)
    (comparison / "result.json").write_text('{"data": "my pets"}', "utf-8")
    assert "was made by an earlier version, which saved less" in refused(comparison)
    (comparison / "result.json").write_text('{"environment": {}, "pairs": 3}', "utf-8")
    assert "result.json is damaged (pairs is 3, and must be a list). To rebuild it" in refused(comparison)


def test_a_page_that_cannot_be_written_is_said(run: Path) -> None:
    assert "page.html cannot be written: " in refused(run, out=run / "result.json" / "page.html")


def encoded(size: tuple[int, int]) -> str:
    out = io.BytesIO()
    Image.new("L", size).save(out, "png")
    return base64.b64encode(out.getvalue()).decode()


def evaluation(values: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = values["evaluations"]["test, centre"]
    return found


DAMAGE: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda v: v["mistakes"][0].update(image=encoded((2100, 2000))), "has 4,200,000 pixels"),
    (lambda v: v["mistakes"][0].update(image=encoded((30, 20))[:-40]), "cut short|damaged"),
    (lambda v: v["mistakes"][0].update(image="nonsense!"), r"image is not base64"),
    (lambda v: v["mistakes"][0].update(image=base64.b64encode(b"GIF89a").decode()), "picture"),
    (lambda v: v["mistakes"][0].update(image={"shape": [1]}), "must be text"),
    (lambda v: v["mistakes"][0].pop("image"), "image is None"),
    (lambda v: v.update(mistakes=v["mistakes"] * 25), "more than 24 mistakes"),
    (lambda v: v.update(mistakes=[3]), "must be an object"),
    (lambda v: v.update(mistakes={}), "must be a list"),
    (lambda v: v["filters"].update(shape=[2, 3, 3, 4]), "has 216 bytes, and must have 288"),
    (lambda v: v["filters"].update(shape=[10**6, 3, 10**6, 10**6]), "at most 10,000,000 values"),
    (lambda v: v["filters"].update(shape=[-2, -3, 3, 3]), "must be positive"),
    (lambda v: v["filters"].update(shape=[2, 3, 9]), "must be 4 values"),
    (lambda v: v["filters"].update(float32=7), "must be text"),
    (lambda v: v.update(counts={"test": True}), "must be a whole number"),
    (lambda v: v.update(history=[3]), "must be an object"),
    (lambda v: v["history"][0].update(epoch=1e308), "more than 1e\\+12 epochs"),
    (lambda v: v.update(recipe=[]), "must be an object"),
    (lambda v: v.update(published=[["a", "b"]]), "must be 3 values"),
    (lambda v: v.update(published=[["a", 1, {"startswith": 1}]]), "must be text"),
    (lambda v: v.update(environment={"a": []}), "must be text"),
    (lambda v: v["reliability"][0].update(n=-1), "bin of reliability"),
    (lambda v: v["reliability"][0].update(confidence=7), "bin of reliability"),
    (lambda v: v["reliability"][0].update(accuracy="x"), "must be a finite number"),
    (lambda v: evaluation(v).update(confusion=[[1, 2, 3]]), "not a matrix of 2 x 2"),
    (lambda v: evaluation(v).update(confusion=[[1, 2], [3]]), "not a matrix of 2 x 2"),
    (lambda v: evaluation(v).update(confusion=[[1, -2], [3, 4]]), "is not a count of pictures"),
    (lambda v: evaluation(v).update(confusion=[[1, 2], [3, 0.5]]), "must be a whole number"),
    (lambda v: evaluation(v).update(classes=["cat"]), "not a matrix of 1 x 1"),
    (lambda v: evaluation(v).update(interval=["a", "b"]), "must be a finite number"),
    (lambda v: evaluation(v).update(per_class=[{"class": -9}]), "has the class -9"),
    (lambda v: evaluation(v).update(per_class=5), "must be a list"),
    (lambda v: v.update(baseline=deep(40)), "nested too deeply"),
    (lambda v: v.update(baseline=[1]), "must be an object"),
]


def deep(levels: int) -> dict[str, Any]:
    return {"a": deep(levels - 1)} if levels else {}


HEAD_DAMAGE: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda v: v.update(title=3), "title is 3, and must be text"),
    (lambda v: v.pop("model"), "lacks model"),
    (lambda v: v.update(classes=["cat", 3]), r"classes\[1\] is 3"),
    (lambda v: v.update(classes="cat"), "must be a list"),
    (lambda v: v.update(seconds="long"), "must be a finite number"),
    (lambda v: evaluation(v).update(n=10**30), "number that is too large"),
]


def damaged(folder: Path, damage: Callable[[Any], object]) -> Path:
    """The file of a report in which something is not as it was written."""
    values = json.loads(report_text(small_report()))
    damage(values)
    (folder / "report.json").write_text(json.dumps(values), "utf-8")
    return folder / "report.json"


@pytest.mark.parametrize(("damage", "said"), HEAD_DAMAGE, ids=[said for _, said in HEAD_DAMAGE])
def test_without_what_the_head_of_the_page_needs_there_is_none(tmp_path: Path, damage: Callable[[Any], object], said: str) -> None:
    with pytest.raises(BadRun, match=said) as error:
        read_report(damaged(tmp_path, damage))
    assert str(error.value).endswith(f"Copy the run again, or measure its numbers again: alexnet evaluate {tmp_path}")


@pytest.mark.parametrize(("damage", "said"), DAMAGE, ids=[said for _, said in DAMAGE])
def test_damaged_and_hostile_values_are_found_where_they_are_read(tmp_path: Path, damage: Callable[[Any], object], said: str) -> None:
    """They cost one section, in whose place a sentence says what is wrong; the others are shown."""
    report = read_report(damaged(tmp_path, damage))
    (wrong,) = report.damaged.values()
    assert re.search(said, wrong)
    text = " ".join(Page(page_of([report])).text.split())
    assert text.count("This section is left out because its values in the run folder are damaged (") == 1
    assert wrong in text
    assert "alexnet train pets" in text


def test_a_part_that_is_missing_costs_its_section_alone(tmp_path: Path) -> None:
    text = Page(page_of([read_report(damaged(tmp_path, lambda v: v.pop("command")))])).text
    assert "are damaged (the report lacks command)" in text
    assert "Every setting of this run" in text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Expecting value"),
        (b"\xff\xfe", "decode"),
        (b"[1]", "no JSON object"),
        (b'{"title": ', "Expecting value"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too large"),
    ],
)
def test_what_is_no_json_of_ours_is_damaged(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "report.json").write_bytes(content)
    with pytest.raises(BadRun, match=f"is damaged .*{said}"):
        read_report(tmp_path / "report.json")


def test_values_of_a_later_version_do_no_harm(tmp_path: Path) -> None:
    values = json.loads(report_text(small_report())) | {"carbon": 3}
    (tmp_path / "report.json").write_text(json.dumps(values), "utf-8")
    assert page_of([read_report(tmp_path / "report.json")]) == page_of([small_report()])


SCRIPT = "<script>alert(1)</script>"


def scripted(value: Any) -> Any:
    """The same values with a script in every text that is no number and no image."""
    match value:
        case dict():
            return {f"{SCRIPT}{key}" if key == "processor" else key: scripted(inner) for key, inner in value.items()}
        case list():
            return [scripted(inner) for inner in value]
        case str():
            return f'{SCRIPT}" onload="x'
    return value


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_scripts_in_names_stay_text(tmp_path: Path, lang: Any) -> None:
    values = json.loads(report_text(small_report()))
    kept = {"mistakes": [{**scripted(one), "image": one["image"]} for one in values["mistakes"]], "filters": values["filters"]}
    (tmp_path / "report.json").write_text(json.dumps(scripted(values) | kept), "utf-8")
    page = Page(page_of([read_report(tmp_path / "report.json")], lang))
    assert len(page.all("script")) == 1
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert page.text.count(SCRIPT) > 10
    assert not [a for a in page.all("a") if not (a["href"] or "").startswith("#")]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from leaves(inner, (*path, key))


def put(values: Any, place: tuple[Any, ...], odd: object) -> Any:
    """A copy of the values with something else in one place."""
    if not place:
        return odd
    changed = dict(values) if isinstance(values, dict) else list(values)
    changed[place[0]] = put(values[place[0]], place[1:], odd)
    return changed


ODD: tuple[object, ...] = (None, -1, {"n": []})


@pytest.mark.parametrize("odd", ["x", *(pytest.param(odd, marks=pytest.mark.slow) for odd in ODD)], ids=str)
def test_whatever_stands_anywhere_is_refused_or_shown(tmp_path: Path, odd: object) -> None:
    """Each value of the file is replaced in turn. Without plots, which take most of a page's time."""
    values = json.loads(report_text(altered(small_report(), reliability=(), history=())))
    del evaluation(values)["confusion"]
    places = [place for place in leaves(values) if place]
    shown = 0
    for place in places:
        (tmp_path / "report.json").write_text(json.dumps(put(values, place, odd)), "utf-8")
        try:
            report = read_report(tmp_path / "report.json")
        except BadRun:
            continue
        Page(page_of([report]))
        shown += 1
    assert 0 < shown < len(places)
