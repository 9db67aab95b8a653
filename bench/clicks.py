"""`python -m bench.clicks [FOLDER]`: from the studio's command to a working classifier, by clicks alone, in seconds by the clock.

Three classes of FOLDER (class folders of photos; without it, of Debian's Fashion-MNIST), 30 images each, "the best you can" in half a
minute, and an answer about one image more. Everything counts: the start of the studio, Chromium's own work, the training, the answer.
Linux, with Playwright and Debian's Chromium.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from alexnet.data.open import open_dataset

CLASSES, IMAGES = 3, 30
MINUTES = "0.5"
MOST_SECONDS = 60.0


def clicks(photos: Mapping[str, Sequence[Path]]) -> Iterator[tuple[str, float]]:
    """What was reached, and after how many seconds since the command."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        started = time.monotonic()
        with _studio(Path(folder, "runs")) as link:
            page = browser.new_page(locale="en-US")
            page.set_default_timeout(120_000)
            page.goto(link)
            page.wait_for_selector("h1")
            yield "the page is there", time.monotonic() - started
            _make_data_set(page, photos)
            yield f"{CLASSES} classes with {IMAGES} photos each are there", time.monotonic() - started
            _train(page)
            yield "the classifier is there", time.monotonic() - started
            said = _try(page, next(iter(photos.values()))[IMAGES])
            yield f"it has answered: {said}", time.monotonic() - started
        browser.close()


@contextmanager
def _studio(runs: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "alexnet", "studio", str(runs), "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as process:
        try:
            assert process.stdout is not None
            link = re.search(r"http\S+\?token=\S+", process.stdout.readline())
            assert link is not None
            yield link[0]
        finally:
            process.terminate()


def _make_data_set(page: Any, photos: Mapping[str, Sequence[Path]]) -> None:
    page.fill("#new-name", "photos")
    page.press("#new-name", "Enter")
    for name, files in photos.items():
        page.fill("#class-name", name)
        page.press("#class-name", "Enter")
        of_class = f'section[data-class="{name}"]'
        page.set_input_files(f"{of_class} .choose-images", [str(file) for file in files[:IMAGES]])
        page.wait_for_selector(f'{of_class} h2 small:text-is("{IMAGES}")')


def _train(page: Any) -> None:
    page.click(".next a")
    page.fill("#minutes", MINUTES)
    page.wait_for_selector("#plan p")
    page.click("#start")
    page.wait_for_selector("#to-try, #state.state-failed, #state.state-stopped")
    assert page.locator("#to-try").count() == 1, page.inner_text("#view")


def _try(page: Any, image: Path) -> str:
    page.click("[data-step=try]")
    page.set_input_files(".choose-images", str(image))
    page.wait_for_selector("#answer .bars tr")
    return str(page.locator("#answer h2").inner_text())


def photos_of(data: str, folder: Path) -> dict[str, list[Path]]:
    """The first images of the first classes of a data set, as PNG files in `folder`, or where they lie."""
    dataset = open_dataset(data)
    found: dict[str, list[Path]] = {}
    for label, name in enumerate(dataset.classes[:CLASSES]):
        places = [place for place, item in enumerate(dataset.items) if item.label == label][: IMAGES + 1]
        found[name] = [_written(dataset.image(place), folder / f"{label}-{place}.png") for place in places]
    return found


def _written(image: Tensor, path: Path) -> Path:
    Image.fromarray(image.permute(1, 2, 0).numpy().squeeze()).save(path)
    return path


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as images:
        for reached, seconds in clicks(photos_of(sys.argv[1] if len(sys.argv) > 1 else "fashion-mnist", Path(images))):
            print(f"{seconds:6.1f} s  {reached}", flush=True)
        print(f"at most {MOST_SECONDS:.0f} s")
