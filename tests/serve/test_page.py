"""The page, driven in Debian's Chromium with real images and a really trained model."""

import csv
import io
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.axe import violations
from tests.storage.spreadsheet_cells import FORMULAS, OTHERS

from alexnet.storage.spreadsheets import cell


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        yield found
        found.close()


def opened(browser: Any, client: httpx.Client, **options: Any) -> Any:
    page = browser.new_context(**options).new_page()
    problems: list[str] = []
    page.problems = problems
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on(
        "request",
        lambda request: (
            None if str(client.base_url) in request.url or request.url[:4] in ("data", "blob") else problems.append(request.url)
        ),
    )
    page.goto(str(client.base_url))
    return page


def test_one_image_its_bars_and_why(browser: Any, client: httpx.Client, digits_folder: Path) -> None:
    page = opened(browser, client, viewport={"width": 390, "height": 800})
    page.set_input_files("#files", str(sorted((digits_folder / "0").iterdir())[0]))
    page.wait_for_selector("#one .bars tr")
    assert page.locator("#one .bars tr").count() == 5
    assert page.locator("#one .bars th").first.inner_text() == "0"
    page.click("#why")
    page.wait_for_selector("#one img[src^='data:image/png']")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off on a phone"
    assert page.problems == []


def test_many_images_as_a_table_and_csv(browser: Any, client: httpx.Client, digits_folder: Path, tmp_path: Path) -> None:
    page = opened(browser, client, locale="zh-CN", color_scheme="dark")
    assert page.locator("h1").inner_text() == "图片分类"
    broken = tmp_path / "=broken.png"
    broken.write_bytes(b"no image")
    chosen = [*sorted(digits_folder.rglob("*.png"))[::30], broken]
    page.set_input_files("#files", [str(path) for path in chosen])
    page.wait_for_selector(f"#many tbody tr:nth-child({len(chosen)})")
    with page.expect_download() as download:
        page.click("#csv")
    lines = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert len(lines) == len(chosen) + 1
    assert lines[-1].startswith('"\'=broken.png"')
    assert page.problems == []


def test_cells_of_the_table_are_written_as_those_of_the_command_line(browser: Any, client: httpx.Client) -> None:
    page, names = opened(browser, client), [*FORMULAS, *OTHERS]
    text = page.evaluate(
        """async (names) => {
            const { csvOf } = await import("/static/csv.js");
            return csvOf(names.map((file) => ({ file, top: [], error: null, unlike: null })));
        }""",
        names,
    )
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert [row[0] for row in rows] == ["file", *map(cell, names)]


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_by_keyboard_alone_and_without_a_violation(browser: Any, client: httpx.Client, digits_folder: Path, scheme: str) -> None:
    """Choose a file, read the answer, ask why: Tab and Enter. axe-core objects to nothing, before and after."""
    page = opened(browser, client, color_scheme=scheme, bypass_csp=True)
    assert violations(page) == []
    tab_to(page, "files")
    file_chooser(page).set_files(str(sorted((digits_folder / "0").iterdir())[0]))
    page.wait_for_selector("#one .bars tr")
    assert page.locator("#status").get_attribute("role") == "status"
    tab_to(page, "why")
    page.keyboard.press("Enter")
    page.wait_for_selector("#one img[src^='data:image/png']")
    assert violations(page) == []
    page.set_input_files("#files", [str(path) for path in sorted(digits_folder.rglob("*.png"))[::100]])
    page.wait_for_selector("#many tbody tr")
    tab_to(page, "csv")
    assert violations(page) == []
    assert page.problems == []


def file_chooser(page: Any) -> Any:
    """What Enter opens. Pressed again where nothing came, since a loaded browser may not count a page as active yet."""
    from playwright.sync_api import TimeoutError as TooLate

    for _ in range(4):
        page.bring_to_front()
        with suppress(TooLate):
            with page.expect_file_chooser(timeout=5_000) as chosen:
                page.keyboard.press("Enter")
            return chosen.value
    pytest.fail("Enter opens no file chooser")


def tab_to(page: Any, name: str) -> None:
    """Press Tab until the element of that id has the focus, visibly."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == name:
            break
    assert page.evaluate("document.activeElement.id") == name
    shown = page.evaluate("getComputedStyle(document.activeElement.closest('label') ?? document.activeElement).outlineStyle")
    assert shown != "none", "where the focus is can be seen"
