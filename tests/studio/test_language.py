"""What the studio says besides its own page is in the reader's language too: reports, reasons, what is missing."""

import shutil
from pathlib import Path

import httpx
from tests.studio.conftest import made_set, until

import alexnet
from alexnet.i18n.translate import say

CHINESE = {"Accept-Language": "zh"}


def run_in(runs: Path, run: Path, *, without: str = "") -> str:
    """A copy of a finished run in the studio's folder; returns its name."""
    shutil.copytree(run, runs / "copied")
    (runs / "copied" / without).unlink() if without else None
    return "copied"


def test_a_report_is_in_the_readers_language_whichever_it_was_written_in(client: httpx.Client, digits_run: Path, tmp_path: Path) -> None:
    run = run_in(tmp_path / "runs", digits_run)
    alexnet.report(tmp_path / "runs" / run, lang="zh")
    english, chinese = client.get(f"/folders/{run}/report.html"), client.get(f"/folders/{run}/report.html", headers=CHINESE)
    assert '<html lang="en">' in english.text
    assert '<html lang="zh-Hans">' in chinese.text
    (tmp_path / "runs" / run / "report.json").unlink()  # nothing to render it from
    assert client.get(f"/folders/{run}/report.html").text == chinese.text
    (tmp_path / "runs" / run / "report.html").unlink()
    assert client.get(f"/folders/{run}/report.html").status_code == 404


def test_why_there_are_no_nearest_images(client: httpx.Client, digits_run: Path, digits_folder: Path, tmp_path: Path) -> None:
    run = run_in(tmp_path / "runs", digits_run, without="recipe.toml")
    content = next((digits_folder / "7").glob("*.png")).read_bytes()
    found = client.post(f"/api/runs/{run}/why", params={"class_name": "7"}, content=content, headers=CHINESE)
    assert found.json()["missing"] == "copied 没有记录使用了哪些图片。"


def test_why_files_cannot_be_read(client: httpx.Client, images: dict[str, list[Path]], tmp_path: Path) -> None:
    made_set(client, images)
    (tmp_path / "runs" / "data" / "digits" / "2" / "broken.jpg").write_bytes(b"no image")
    until(lambda: client.get("/api/data/digits/findings").json()["found"] is not None)
    found = client.get("/api/data/digits/findings", headers=CHINESE).json()["found"]
    assert [skip["reason"] for skip in found["unreadable"]["first"]] == [say("errors.unknown_format", "zh")]
