"""All five steps by the keyboard alone: each control is reached by Tab, and does its work."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.studio.conftest import running_studio

pytestmark = pytest.mark.slow
MOST_TABS = 150


@pytest.fixture
def page(chromium: Path, tmp_path: Path) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with running_studio(tmp_path / "runs") as (opened, _), playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        found = browser.new_context(viewport={"width": 390, "height": 800}, locale="en-US").new_page()
        found.set_default_timeout(120_000)
        found.goto(opened.link)
        found.wait_for_selector("h1")
        yield found
        browser.close()


def tab_to(page: Any, selector: str) -> None:
    """Press Tab until the control has the focus."""
    page.wait_for_selector(selector, state="attached")
    for _ in range(MOST_TABS):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{selector} is not reached")


def press(page: Any, selector: str, key: str = "Enter") -> None:
    tab_to(page, selector)
    page.keyboard.press(key)


def choose(page: Any, selector: str, files: list[Path]) -> None:
    """Choose files in the system's dialog, which a key opens."""
    tab_to(page, selector)
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files([str(file) for file in files])


def test_five_steps(page: Any, images: dict[str, list[Path]]) -> None:
    make_a_data_set(page, images)
    train_and_compare(page)
    try_and_correct(page, images)
    take_away(page)


def make_a_data_set(page: Any, images: dict[str, list[Path]]) -> None:
    tab_to(page, "#new-name")
    page.keyboard.type("digits")
    page.keyboard.press("Enter")
    for name, files in images.items():
        tab_to(page, "#class-name")
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        choose(page, f"section[data-class='{name}'] .choose-images", files)
        page.wait_for_selector(f"section[data-class='{name}'] h2 small:text-is('12')")
    tab_to(page, "section[data-class='0'] .photograph")  # which brings its images into view
    press(page, "section[data-class='0'] .thumb input", "Space")
    press(page, "#delete")
    page.wait_for_selector("section[data-class='0'] h2 small:text-is('11')")
    press(page, "#undo")
    page.wait_for_selector("section[data-class='0'] h2 small:text-is('12')")


def train_and_compare(page: Any) -> None:
    press(page, ".next a")
    tab_to(page, "input[value=best]")
    page.keyboard.press("ArrowDown")
    tab_to(page, "#model")
    page.keyboard.type("hog")
    page.wait_for_selector("#plan p:has-text('hog-svm')")
    press(page, "#start")
    page.wait_for_selector("#to-try")

    press(page, "[data-step=compare]")
    page.wait_for_selector("table.runs tbody tr")
    tab_to(page, "table.runs .pages a")


def try_and_correct(page: Any, images: dict[str, list[Path]]) -> None:
    press(page, "[data-step=try]")
    choose(page, "#view .choose-images", [images["1"][0]])
    page.wait_for_selector("#answer .bars tr")
    press(page, "#why")
    page.wait_for_selector("#overlay")
    tab_to(page, "#right-class")
    press(page, "#wrong")
    page.wait_for_selector("#corrected p, #problem:not(:empty)")


def take_away(page: Any) -> None:
    press(page, "[data-step=take]")
    for name in ("onnx", "onnx_int8"):
        press(page, f"[data-offer={name}]")
        page.wait_for_selector(f"[data-file={name}], .log")
    press(page, "#serve")
    page.wait_for_selector("#service")
    press(page, "#end-service")
    page.wait_for_selector("#serve")
    tab_to(page, "#folder-zip")
