"""The curves of a training, drawn by the studio's own code in a browser: nothing of them is flattened, and nothing is missing."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.studio.conftest import running_studio

HEIGHT, BOTTOM, TOP = 220, 26, 8  # px of the drawing, and of what is around the curves
DRAWN = """async (rows) => {
  const { curves } = await import("/static/plots.js");
  const [, plots] = curves(rows);
  return [...plots.querySelectorAll("svg")].map((plot) => ({
    lines: [...plot.querySelectorAll("path")].map((line) => line.getAttribute("d")),
    dots: plot.querySelectorAll("circle").length,
    scale: [...plot.querySelectorAll("text")].map((label) => label.textContent),
  }));
}"""


@pytest.fixture(scope="module")
def page(chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with running_studio(tmp_path_factory.mktemp("plots") / "runs") as (opened, _), playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        found = browser.new_page()
        found.goto(opened.link)
        found.wait_for_selector("h1")
        yield found
        browser.close()


def rows(losses: Sequence[float | None], errors: Sequence[float] | None = None) -> list[dict[str, float | None]]:
    return [
        {"epoch": epoch, "training_loss": loss, "validation_loss": loss, "training_error": error, "validation_error": error}
        for epoch, (loss, error) in enumerate(zip(losses, errors or [0.5] * len(losses), strict=True), start=1)
    ]


def heights(line: str) -> list[float]:
    """How high each point of a curve is, as a share of the drawing."""
    across = HEIGHT - TOP - BOTTOM
    return [1 - (float(y) - TOP) / across for y in re.findall(r"[ML][-\d.]+ ([-\d.]+)", line)]


def test_a_first_loss_far_above_the_others_does_not_flatten_them(page: Any) -> None:
    _, losses = page.evaluate(DRAWN, rows([90.0, *(2.0 - 0.1 * epoch for epoch in range(15))]))
    first, *others = heights(losses["lines"][0])
    assert first > 1
    assert max(others) - min(others) > 0.3
    assert max(others) <= 1


def test_values_that_are_nearly_all_0_have_a_scale_of_their_own(page: Any) -> None:
    errors, _ = page.evaluate(DRAWN, rows([1.0] * 40, [0.02, *[0.0] * 39]))
    found = heights(errors["lines"][0])
    assert found[0] > 0.9
    assert found[1:] == pytest.approx([0.0] * 39, abs=1e-3)


def test_one_epoch_is_a_dot_and_a_loss_that_is_no_number_is_left_out(page: Any) -> None:
    errors, losses = page.evaluate(DRAWN, rows([1.0]))
    assert (errors["dots"], losses["dots"], errors["lines"]) == (2, 2, [])
    _, gap = page.evaluate(DRAWN, rows([2.0, None, 1.0]))
    assert [len(heights(line)) for line in gap["lines"]] == [2, 2]
