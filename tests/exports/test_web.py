"""`export --to web`: the page in Chromium, offline, against the classifier; and the archive of its runtime, verified before it is used."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.axe import violations
from tests.conftest import made_once, missing

import alexnet
from alexnet.errors import AlexNetError
from alexnet.exports.web_runtime import ARCHIVE, REGISTRY, registry, web_runtime
from alexnet.exports.web_target import page_files
from alexnet.runtime.events import silent
from alexnet.storage.cache import cache_folder

CHROMIUM = Path("/usr/bin/chromium")


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder behind `python -m http.server`."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split("(")[1].split(")")[0]
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def web(onnxruntime_web: Path, digits_run: Path, session_folder: Path) -> Path:
    """The exported folder. Not to be changed."""
    return made_once(session_folder / "web", lambda place: exported(onnxruntime_web, digits_run, place))


def exported(archive: Path, run: Path, place: Path) -> None:
    assert alexnet.export(run, to="web", runtime=archive, out=place).bytes > 10_000_000


@contextmanager
def chromium(*flags: str) -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        missing("Chromium is missing")
    with sync_api.sync_playwright() as play:
        found = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", *flags])
        yield found
        found.close()


@pytest.fixture(scope="session")
def images(digits_folder: Path, shared_data: Path, session_folder: Path) -> list[Path]:
    """60 digits, small gray PNGs, and 40 photos, JPEGs."""
    photos = alexnet.open_dataset(shared_data / "clothing.zip")

    def write(folder: Path) -> None:
        folder.mkdir()
        for number in range(40):
            (folder / f"{number:02d}.jpg").write_bytes(photos.content(number * len(photos.items) // 40))

    return [*sorted(digits_folder.rglob("*.png"))[::5], *sorted(made_once(session_folder / "photos", write).iterdir())]


@pytest.mark.slow
def test_the_page_answers_as_the_classifier_does(web: Path, digits_run: Path, images: list[Path], tmp_path: Path) -> None:
    """100 images: the same best class wherever the two best are not within a hundredth of each other."""
    expected = [answer.top for answer in alexnet.load(digits_run).predict(images, top=2)]
    with served(web) as address, chromium() as browser:
        page = opened(browser, address)
        page.set_input_files("#files", [str(image) for image in images])
        page.wait_for_selector("#one figure:nth-child(100) th", timeout=100_000)
        found = page.evaluate("[...document.querySelectorAll('#one figure')].map(one => one.querySelector('th').textContent)")
        broken = tmp_path / "broken.png"
        broken.write_bytes(b"no image")
        page.wait_for_selector("#status:text-is('Done.')")
        page.set_input_files("#files", str(broken))
        page.wait_for_selector("#one .problem")
        assert page.problems == []
    clear = [number for number, (first, second) in enumerate(expected) if first[1] - second[1] > 0.01]
    assert [found[number] for number in clear] == [expected[number][0][0] for number in clear]
    assert len(clear) > 90


@pytest.mark.slow
def test_on_a_phone_in_chinese_and_as_a_file(web: Path) -> None:
    with served(web) as address, chromium() as browser:
        page = opened(browser, f"{address}?lang=zh", viewport={"width": 390, "height": 800}, color_scheme="dark", bypass_csp=True)
        assert page.locator("h1").inner_text() == "在浏览器中分类图片"
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert violations(page) == []
        assert page.problems == []
        as_file = browser.new_page()
        as_file.goto((web / "index.html").as_uri())
        assert "python -m http.server" in as_file.locator("#notice").inner_text()
        assert not as_file.locator("#page").is_visible()


@pytest.mark.slow
def test_the_camera(web: Path) -> None:
    """Chromium's own test picture as a camera: five classes, again and again, until it is stopped."""
    flags = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with served(web) as address, chromium(*flags) as browser:
        page = opened(browser, address.replace("127.0.0.1", "localhost"))
        page.click("#camera")
        page.wait_for_selector("#live tr:nth-child(5)", timeout=30_000)
        page.click("#camera")
        page.wait_for_selector("#live tr", state="detached")
        assert page.problems == []


def opened(browser: Any, address: str, **options: Any) -> Any:
    page = browser.new_context(**options).new_page()
    problems: list[str] = []
    page.problems = problems
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request", lambda request: problems.append(request.url) if not request.url.startswith((address[:20], "data:", "blob:")) else None
    )
    page.goto(address)
    page.wait_for_selector("#page", state="visible", timeout=60_000)
    return page


def test_the_archive_is_verified_before_anything_is_made(digits_run: Path, tmp_path: Path) -> None:
    forged = tmp_path / ARCHIVE
    forged.write_bytes(b"another package")
    with pytest.raises(AlexNetError, match=r"its SHA-512 differs.*npm pack onnxruntime-web@"):
        alexnet.export(digits_run, to="web", runtime=forged, out=tmp_path / "web")
    with pytest.raises(AlexNetError, match="cannot be opened"):
        alexnet.export(digits_run, to="web", runtime=tmp_path / "none.tgz", out=tmp_path / "web")
    with pytest.raises(AlexNetError, match="only --to web needs"):
        alexnet.export(digits_run, to="onnx", runtime=forged, out=tmp_path / "x.onnx")
    assert [path.name for path in tmp_path.iterdir()] == [ARCHIVE]


def test_the_registry_is_that_of_npm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho http://localhost:9/mirror\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    assert registry() == "http://localhost:9/mirror/"
    with pytest.raises(
        AlexNetError, match=r"cannot be fetched from http://localhost:9/mirror/onnxruntime-web/-/onnxruntime-web-.*--runtime"
    ):
        web_runtime(None, silent)
    assert not (cache_folder() / ARCHIVE).exists()
    cache_folder().mkdir(parents=True, exist_ok=True)
    (cache_folder() / ARCHIVE).write_bytes(b"damaged")
    with pytest.raises(AlexNetError, match="cannot be fetched from"):  # it is fetched again
        web_runtime(None, silent)
    npm.write_text("#!/bin/sh\necho file:///etc\n")
    assert registry() == REGISTRY


def test_the_page_holds_both_languages_and_no_script_of_others() -> None:
    files = page_files()
    assert "浏览器" in files["index.html"]
    assert "python -m http.server" in files["index.html"]
    assert "https://" not in "".join(files.values())
