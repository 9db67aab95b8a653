"""Real browsers: some of twenty that watch one training to its end, and one that is killed while it sends."""

import json
import os
import signal
import threading
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from tests.studio.conftest import running_studio, until

from alexnet.studio.verb import OpenStudio

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CLIENTS, PAGES, EPOCHS = 17, 3, 8
HEARS = """window.heard = [];
const Own = window.EventSource;
window.EventSource = class extends Own {
  constructor(...words) {
    super(...words);
    this.addEventListener("message", (event) => window.heard.push(...(JSON.parse(event.data).rows ?? []).map((row) => row.step)));
  }
};"""
WIDE, HIGH = 3_000, 3_000  # px, of images that take a moment to send
IMAGES = 12
MEBIBYTE = 1 << 20
ARCHIVE_BYTES = 1 << 30


class Watcher(threading.Thread):
    """A client that follows a run until it is done. steps: of the rows that it was told of."""

    def __init__(self, client: httpx.Client, run: str) -> None:
        super().__init__()
        self.client, self.run_name, self.steps = client, run, set[int]()
        self.start()

    def run(self) -> None:
        with self.client.stream("GET", f"/api/runs/{self.run_name}/events") as answer:
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    message = json.loads(line[6:])
                    self.steps |= {row["step"] for row in message.get("rows", ())}
                    if (message.get("row") or {}).get("state") == "done":
                        return


def test_twenty_watch_a_training_to_its_end(chromium: Path, digits_run: Path, tmp_path: Path) -> None:
    """Each is told of every epoch, and meanwhile the studio answers whoever else asks."""
    playwright = pytest.importorskip("playwright.sync_api")
    with running_studio(tmp_path / "runs") as (opened, client), playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        (tmp_path / "runs" / "earlier").mkdir()
        recipe = (digits_run / "recipe.toml").read_text().replace("epochs = 4.0", f"epochs = {EPOCHS}.0")
        (tmp_path / "runs" / "earlier" / "recipe.toml").write_text(recipe)
        run = client.post("/api/train", json={"data": "digits", "way": "recipe", "run": "earlier"}).json()["run"]
        watchers = [Watcher(client, run) for _ in range(CLIENTS)]
        pages = [watching_page(browser, opened, run) for _ in range(PAGES)]
        answers = 0
        while any(watcher.is_alive() for watcher in watchers):
            assert {row["name"] for row in client.get("/api/overview").json()["rows"]} == {run, "earlier"}
            answers += 1
            pages[0].wait_for_timeout(200)
        for page in pages:
            page.wait_for_selector("#state.state-done")
        trained = {json.loads(line)["step"] for line in (tmp_path / "runs" / run / "history.jsonl").read_text().splitlines()}
        assert len(trained) == EPOCHS
        assert [watcher.steps for watcher in watchers] == [trained] * CLIENTS
        assert [set(page.evaluate("heard")) for page in pages] == [trained] * PAGES
        assert answers > EPOCHS
        browser.close()


def watching_page(browser: Any, studio: OpenStudio, run: str) -> Any:
    """A browser's page on a run, which keeps the steps that it is told of in `heard`."""
    page = browser.new_context(locale="en-US").new_page()
    page.set_default_timeout(120_000)
    page.add_init_script(HEARS)
    page.goto(studio.link)
    page.wait_for_selector("h1")
    page.evaluate("run => { location.hash = `#/watch/${run}`; }", run)
    page.wait_for_selector("#state")
    return page


def kill(browser: Any) -> None:
    """kill -9 of a browser's processes."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    for process in sorted(processes, key=lambda one: one["type"] != "browser"):
        with suppress(ProcessLookupError):
            os.kill(process["id"], signal.SIGKILL)


def large_images(folder: Path) -> list[Path]:
    """Black images of different sizes, 27 MB each; what is black takes no room on this disk."""
    files = []
    for number in range(IMAGES):
        small, file = folder / "small.bmp", folder / f"{number}.bmp"
        Image.new("RGB", (8, 8)).save(small)
        head = bytearray(small.read_bytes()[:54])
        head[18:22], head[22:26] = WIDE.to_bytes(4, "little"), (HIGH + number).to_bytes(4, "little")
        head[2:6] = (54 + 3 * WIDE * (HIGH + number)).to_bytes(4, "little")
        with file.open("wb") as out:
            out.write(head)
            out.truncate(54 + 3 * WIDE * (HIGH + number))
        files.append(file)
    return files


def large_archive(folder: Path) -> list[Path]:
    """What begins as a zip, and has a gigabyte."""
    file = folder / "photos.zip"
    with file.open("wb") as out:
        out.write(b"PK\3\4")
        out.truncate(ARCHIVE_BYTES)
    return [file]


@pytest.mark.parametrize("kind", ["images", "archive"])
def test_killed_in_mid_upload_it_leaves_no_half_image(kind: str, chromium: Path, tmp_path: Path) -> None:
    """kill -9 of the browser: what has arrived is whole, and what was on its way is gone."""
    playwright = pytest.importorskip("playwright.sync_api")
    files = large_images(tmp_path) if kind == "images" else large_archive(tmp_path)
    uploads, data = tmp_path / "runs" / ".studio" / "uploads", tmp_path / "runs" / "data" / "photos"
    with running_studio(tmp_path / "runs") as (opened, client), playwright.sync_playwright() as started:
        client.post("/api/data", json={"name": "photos"})
        client.post("/api/data/photos/classes", json={"name": "dogs"})
        browser = started.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(opened.link)
        page.goto(f"{opened.address}#/data/photos")
        selector = "section[data-class=dogs] .choose-images" if kind == "images" else ".choose-archive"
        page.wait_for_selector(selector, state="attached")
        page.set_input_files(selector, [str(file) for file in files])
        until(lambda: max(sizes_in(uploads), default=0) > MEBIBYTE and (kind == "archive" or any(data.rglob("*.bmp"))))
        kill(browser)
        until(lambda: not any(uploads.iterdir()))
        assert not list((tmp_path / "runs").rglob("*.partial"))
        arrived = [file for file in data.rglob("*") if file.is_file()]
        if kind == "archive":
            assert arrived == []
            return
        sent = {sha256(file.read_bytes()).hexdigest(): file for file in files}
        assert 0 < len(arrived) < IMAGES
        assert all(sha256(file.read_bytes()).hexdigest() in sent for file in arrived)
        again = client.put("/api/data/photos/images", params={"class_name": "dogs"}, content=files[-1].read_bytes())
        assert again.status_code == 200, "another browser goes on"


def sizes_in(folder: Path) -> list[int]:
    """Bytes of each file that is there at the moment."""
    with os.scandir(folder) as entries:
        found = []
        for entry in entries:
            with suppress(FileNotFoundError):
                found.append(entry.stat().st_size)
    return found
