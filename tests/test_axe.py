"""The check of the pages for people with a keyboard or a screen reader is there, and finds something."""

from pathlib import Path

import pytest
from tests.axe import Missing, axe_script, violations
from tests.conftest import missing


def test_axe_core_finds_an_image_without_a_text() -> None:
    try:
        axe_script()
    except Missing as reason:
        pytest.skip(f"No page is checked by axe-core: {reason}")
    playwright = pytest.importorskip("playwright.sync_api")
    if not Path("/usr/bin/chromium").exists():
        missing("/usr/bin/chromium is missing")
    with playwright.sync_playwright() as started:
        page = started.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"]).new_page()
        page.set_content("<html lang=en><title>x</title><main><h1>x</h1><img src='data:,'></main></html>")
        assert violations(page) == ["image-alt: img"]
