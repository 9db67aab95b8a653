"""`alexnet lecture`: its JSON, its files, and what it refuses."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.studies.invented import arm, effect, finding, report

import alexnet
from alexnet.cli import main
from alexnet.studies.registry import STUDIES
from alexnet.studies.report.page import write_study
from alexnet.studies.request import StudyFolder, StudyRequest, save_study_request

SCREENS = [(1280, "light", "en"), (390, "dark", "zh"), (390, "light", "en"), (1280, "dark", "zh")]
WORDS = {"holds", "reversed", "no-difference", "too-few", "cannot-be-judged", "does-not-apply", "not-measured"}


def said_by(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    assert main(["lecture", *map(str, words)]) == 0
    return capsys.readouterr().out


def refusal(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    assert main(["lecture", *map(str, words)]) == 2
    said = capsys.readouterr()
    assert not said.out
    assert "Traceback" not in said.err
    return said.err


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A finished study of one claim that no one has made."""
    folder = StudyFolder(tmp_path / "mine")
    folder.path.mkdir()
    save_study_request(StudyRequest(data="photos", claims=("dropout",)), folder.request)
    better, worse = STUDIES["dropout"].better, STUDIES["dropout"].worse
    found = finding("dropout", (arm(better, 0.1), arm(worse, 0.2)), "holds", effect(better, worse, 0.1, 0.02))
    made = report([found], dataset="photos", rules=2)
    folder.result.write_text(json.dumps(made.to_json()), encoding="utf-8")
    write_study(made, folder.report)
    return folder.path


def by_number(text: str) -> dict[int, dict[str, Any]]:
    return {one["number"]: one for one in json.loads(text)["questions"]}


def test_json_has_the_page_and_19_questions(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said = said_by(capsys, "--json", "--out", tmp_path / "lecture")
    values = json.loads(said)
    assert set(values) == {"page", "questions"}
    assert Path(values["page"]).read_text("utf-8").startswith("<!doctype html>")
    questions = by_number(said)
    assert list(questions) == list(range(1, 20))
    assert {questions[number]["answered_by"] for number in (1, 3, 10, 16)} == {"sources"}
    assert questions[12]["verdict"] == "wrong"
    assert (questions[4]["answered_by"], questions[6]["answered_by"]) == ("measurement", "count")
    for one in questions.values():
        by_studies = set(one["answered_by"].split(",")) <= set(STUDIES)
        assert by_studies == (one["verdict"] in WORDS)
        assert all(claim["verdict"] in WORDS for claim in one["claims"])


def test_each_language_has_its_page_and_a_second_time_replaces_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "lecture.html").write_text('<!doctype html><meta name="generator" content="alexnet">', encoding="utf-8")
    for lang in ("en", "zh"):
        said_by(capsys, "--lang", lang, "--out", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lecture.html", "lecture.zh.html"]
    assert 'lang="zh' in (tmp_path / "lecture.zh.html").read_text("utf-8")
    assert len((tmp_path / "lecture.html").read_text("utf-8")) > 100_000


def test_the_readers_study_counts(capsys: pytest.CaptureFixture[str], tmp_path: Path, study: Path) -> None:
    dropout = by_number(said_by(capsys, study, "--json", "--out", tmp_path))[15]
    assert (dropout["answered_by"], dropout["verdict"]) == ("dropout", "holds")
    assert dropout["claims"][0] == {
        "claim": "dropout", "verdict": "holds", "dataset": "photos", "yours": True, "difference": 0.1,
        "interval": pytest.approx([0.08, 0.12]),
    }  # fmt: skip


def test_what_is_no_finished_study_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, study: Path) -> None:
    out = tmp_path / "lecture"
    assert "does not exist" in refusal(capsys, tmp_path / "nowhere", "--out", out)
    assert "is a file" in refusal(capsys, study / "result.json", "--out", out)
    assert "not the folder of a study" in refusal(capsys, tmp_path, "--out", out)
    whole = json.loads((study / "result.json").read_text("utf-8"))
    (study / "result.json").write_text(json.dumps(whole).replace('"name": "no-dropout"', '"name": "gone"'), encoding="utf-8")
    assert "lacks an arm of dropout" in refusal(capsys, study, "--out", out)
    (study / "result.json").rename(study / "kept")
    assert re.search(r"has not finished.*Resume with: alexnet study photos --out", refusal(capsys, study, "--out", out))
    (study / "result.json").write_text("[]", encoding="utf-8")
    assert "is damaged" in refusal(capsys, study, "--out", out)
    assert not out.exists()


def test_nothing_else_is_overwritten(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = tmp_path / "lecture.html"
    page.write_text("my notes", encoding="utf-8")
    assert "not a page of alexnet" in refusal(capsys, "--out", tmp_path)
    assert page.read_text("utf-8") == "my notes"
    page.unlink()
    page.mkdir()
    assert "is a folder" in refusal(capsys, "--out", tmp_path)
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert str(tmp_path / "file") in refusal(capsys, "--out", tmp_path / "file")


def test_another_language_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "fr" in refusal(capsys, "--lang", "fr", "--out", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme", "lang"), SCREENS)
def test_it_fits_a_screen_and_a_phone_and_needs_no_network(tmp_path: Path, width: int, scheme: str, lang: str) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    if not Path("/usr/bin/chromium").exists():
        pytest.skip("Chromium is missing")
    made = alexnet.lecture_page(lang=lang, out=tmp_path)  # type: ignore[arg-type]
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
        requests, problems = list[str](), list[str]()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: problems.append(message.text))
        page.goto(Path(made.page).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
        assert problems == []
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.matches('summary, a')")
        browser.close()
