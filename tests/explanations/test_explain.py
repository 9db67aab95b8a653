"""The verb from run to page: every part, every kind of model, what cannot be made, and the page in a browser."""

import json
import shutil
from pathlib import Path

import pytest
from tests.axe import violations
from tests.conftest import made_once

from alexnet import cli, reports
from alexnet.errors import BadRun
from alexnet.explanations.explain import Explanation, explain
from alexnet.explanations.parts import PARTS
from alexnet.explanations.record import RECORD
from alexnet.reports import report
from alexnet.runs.train import train
from alexnet.storage.ownership import owned


@pytest.fixture(scope="module")
def run(digits_run: Path, session_folder: Path) -> Path:
    """A finished run with its explanation."""

    def make(folder: Path) -> None:
        shutil.copytree(digits_run, folder)
        explain(folder)

    return made_once(session_folder / "explained", make)


def part(made: Explanation, name: str) -> str | None:
    """The error of a part."""
    return next(one.error for one in made.parts if one.name == name)


def test_every_part_is_made(run: Path) -> None:
    record = json.loads((run / "explanation" / "explanation.json").read_text())
    assert [one["name"] for one in record["parts"]] == [one.name for one in PARTS]
    assert {one["name"] for one in record["parts"] if one["error"]} == {"cells"}
    for one in record["parts"]:
        for name in one["values"].get("files", ()):
            assert (run / "explanation" / name).stat().st_size > 0
    assert 'href="explanation/report.html"' in (run / "report.html").read_text()


def test_the_page_is_rebuilt_in_both_languages(run: Path, tmp_path: Path) -> None:
    english = reports.report(run / "explanation", out=tmp_path / "en.html").read_text()
    chinese = reports.report(run / "explanation", out=tmp_path / "zh.html", lang="zh").read_text()
    assert english == (run / "explanation" / "report.html").read_text()
    assert "逐层来看" in chinese
    assert "Layer by layer" not in chinese


def test_as_json_and_without_home_on_the_page(
    run: Path, digits_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    words = ["explain", str(run), str(digits_folder / "3" / "0003.png"), str(broken), "--out", str(tmp_path / "out"), "--json"]
    assert cli.main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"page", "parts", "probes", "suspects"}
    assert [one["layer"] for one in found["probes"]] == ["conv1", "conv2", "fc3", "fc4"]
    assert all(one["interval"][0] <= one["accuracy"] <= one["interval"][1] for one in found["probes"])
    record = json.loads((tmp_path / "out" / "explanation.json").read_text())
    (image,), (unreadable,) = record["parts"][0]["values"]["images"], record["parts"][0]["values"]["unreadable"]
    assert unreadable["name"] == str(broken)
    assert "is not a picture" in unreadable["reason"]
    assert image["name"].endswith("0003.png")
    assert [one["method"] for one in image["maps"]] == ["occlusion", "gradients", "cam"]
    page = Path(found["page"]).read_text()
    assert "~/broken.png" in page
    assert str(broken) not in page


@pytest.mark.slow
def test_a_run_without_its_images(run: Path, digits_folder: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(run, tmp_path / "run")
    recipe = (moved / "recipe.toml").read_text()
    (moved / "recipe.toml").write_text(recipe.replace(str(digits_folder), str(tmp_path / "gone")))
    made = explain(moved, digits_folder / "3" / "0003.png")
    assert part(made, "images") is None
    assert part(made, "filters") is None
    for name in ("mistakes", "neighbours", "layers", "concepts"):
        error = part(made, name)
        assert error is not None
        assert "--data DATA" in error
    again = explain(moved, data=digits_folder)
    assert part(again, "mistakes") is None


@pytest.mark.slow
def test_no_image_that_can_be_read(run: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    made = explain(run, tmp_path / "broken.png", out=tmp_path / "out")
    assert "is not a picture" in (part(made, "images") or "")
    assert part(made, "filters") is None


def test_a_folder_of_something_else(run: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(BadRun, match="something other than an explanation"):
        explain(run, out=tmp_path)


def test_an_explanation_that_was_killed(run: Path, tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text(json.dumps({"run": str(run), "model": "lenet", "dataset": "digits", "finished": False}))
    (tmp_path / "filters.png").touch()
    with pytest.raises(BadRun, match=r"was not finished\. To finish it: alexnet explain .* --out"):
        report(tmp_path)
    with owned(tmp_path), pytest.raises(BadRun, match="in use by process"):
        explain(run, out=tmp_path)


def test_a_record_that_is_damaged(run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(run / "explanation", tmp_path / "explanation")
    (folder / "explanation.json").write_text("{}")
    with pytest.raises(BadRun, match="lacks run"):
        reports.report(folder)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["raw-svm", "hog-svm", "fisher-svm", "alexnet-cifar", "mlp"])
def test_other_kinds_of_models(model: str, digits_folder: Path, tmp_path: Path) -> None:
    handcrafted = model.endswith("svm")
    changes = {"features.gaussians": "4", "features.components": "8", "features.bins": "4"} if model == "fisher-svm" else {}
    length = {} if handcrafted else {"epochs": 1}
    train(digits_folder, model=model, out=tmp_path / "run", image_size=32, baseline=False, overrides=changes, **length)  # type: ignore[arg-type]
    made = explain(tmp_path / "run")
    errors = {one.name: one.error for one in made.parts if one.error is not None}
    assert set(errors) == ({"filters", "layers", "concepts"} if handcrafted else {"cells", "filters"} if model == "mlp" else {"cells"})
    record = json.loads((tmp_path / "run" / "explanation" / "explanation.json").read_text())
    maps = record["parts"][0]["values"]["images"][0]["maps"]
    unfit = {one["method"] for one in maps if one.get("error")}
    assert unfit == ({"gradients", "cam"} if handcrafted else {"cam"})


@pytest.mark.parametrize(("width", "scheme"), [pytest.param(1200, "light", marks=pytest.mark.slow), (390, "dark")])
def test_the_page_in_a_browser(run: Path, width: int, scheme: str) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    if not Path("/usr/bin/chromium").exists():
        pytest.skip("Chromium is missing")
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
        page = context.new_page()
        requests: list[str] = []
        problems: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto((run / "explanation" / "report.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].filter(image => !image.complete || !image.naturalWidth).length") == 0
        assert page.evaluate("[...document.images].filter(image => !image.hasAttribute('alt')).length") == 0
        assert page.evaluate(
            "new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size === document.querySelectorAll('[id]').length"
        )
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.tagName") == "A"
        assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
        assert problems == []
        assert violations(page) == []
        browser.close()


@pytest.mark.slow
def test_swapped_labels_are_found_among_the_suspects(shared_data: Path, tmp_path: Path) -> None:
    """5% of sign-digits' labels swapped: as many suspects as were swapped hold at least 70% of them."""
    import csv
    import random
    import zipfile

    archive, chance = zipfile.ZipFile(shared_data / "sign-digits.zip"), random.Random(0)
    names = sorted(name for name in archive.namelist() if name.lower().endswith((".jpg", ".jpeg", ".png")))
    classes = sorted({Path(name).parent.name for name in names})
    swapped = set(chance.sample(names, len(names) // 20))
    for name in names:
        label = chance.choice([one for one in classes if one != Path(name).parent.name]) if name in swapped else Path(name).parent.name
        file = tmp_path / "images" / label / f"{Path(name).parent.name}-{Path(name).name}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(archive.read(name))
    train(tmp_path / "images", model="hog-svm", image_size=64, out=tmp_path / "run")
    explain(tmp_path / "run")
    with (tmp_path / "run" / "explanation" / "suspects.csv").open(newline="") as file_:
        found = [row["file"] for row in csv.DictReader(file_)][: len(swapped)]
    wrong = [name for name in found if Path(name).name.split("-")[0] != Path(name).parent.name]
    assert len(wrong) >= 0.7 * len(swapped)
