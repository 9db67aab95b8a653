"""The five steps in Debian's Chromium, from an empty folder, with real images and real trainings."""

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.axe import violations
from tests.studio.conftest import running_studio

from alexnet.studio.verb import OpenStudio

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=str(chromium), args=["--no-sandbox", *CAMERA])
        yield found
        found.close()


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[OpenStudio]:
    with running_studio(tmp_path / "runs") as (opened, _):
        yield opened


def opened_page(browser: Any, studio: OpenStudio, **options: Any) -> Any:
    """The studio's page; `page.problems` collects errors and requests to anybody else."""
    context = browser.new_context(bypass_csp=True, **options)  # for axe
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.problems = problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    ours = (studio.address, "data:", f"blob:{studio.address}")
    page.on("request", lambda request: None if request.url.startswith(ours) else problems.append(request.url))
    page.goto(studio.link)
    page.wait_for_selector("h1")
    return page


def check_view(page: Any) -> None:
    """No violation that axe-core finds; nothing is cut off; each image has a text."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off"
    assert page.locator("img:not([alt])").count() == 0
    assert violations(page) == []


def make_data_set(page: Any, images: dict[str, list[Path]], check: Callable[[Any], None]) -> None:
    """Step 1, by the keyboard where that is possible: a name, classes, images for each, one of them from the camera."""
    page.focus("#new-name")
    page.keyboard.type("digits")
    page.keyboard.press("Enter")
    for name, files in images.items():
        page.wait_for_selector("#class-name")
        page.focus("#class-name")
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        page.wait_for_selector(f'section[data-class="{name}"]')
        page.set_input_files(f'section[data-class="{name}"] .choose-images', [str(file) for file in files])
        page.wait_for_selector(f'section[data-class="{name}"] h2 small:text-is("{len(files)}")')
    with Image.open(next(iter(images.values()))[0]) as image:
        width, height = image.size
    page.wait_for_selector(f"#findings + p:has-text('{width} × {height}')")
    check(page)


def train(page: Any, check: Callable[[Any], None]) -> None:
    """Step 2: a model, the plan, the start, and the page of the training until it has ended."""
    page.click(".next a")
    page.check("input[value=model]")
    page.select_option("#model", "hog-svm")
    page.fill("#minutes", "0.5")
    page.wait_for_selector("#plan p:has-text('hog-svm')")
    check(page)
    page.click("#start")
    page.wait_for_selector("#state")
    check(page)
    page.wait_for_selector("#to-try")
    check(page)


@pytest.mark.timeout(400)  # it starts a browser and a training
def test_the_five_steps_from_an_empty_folder(browser: Any, studio: OpenStudio, images: dict[str, list[Path]], tmp_path: Path) -> None:
    page = opened_page(browser, studio, viewport={"width": 390, "height": 800}, color_scheme="dark", locale="en-US")
    check_view(page)
    make_data_set(page, images, check_view)
    train(page, check_view)

    page.click("[data-step=compare]")
    page.wait_for_selector("table.runs tbody tr")
    assert page.locator("table.runs tbody th").first.inner_text() == "digits-hog-svm"
    check_view(page)

    page.click("[data-step=try]")
    page.set_input_files(".choose-images", str(images["1"][0]))
    page.wait_for_selector("#answer .bars tr")
    assert page.locator("#answer h2").inner_text() == "1"
    page.click("#why")
    page.wait_for_selector("#overlay")
    assert page.locator(".near img").count() == 5
    page.select_option("#right-class", "2")
    page.click("#wrong")
    page.wait_for_selector("#corrected p, #problem:not(:empty)")
    told = page.inner_text("#corrected") or page.inner_text("#problem")
    assert "for training only" in told or "judged by" in told
    check_view(page)

    page.click("[data-step=take]")
    with page.expect_download() as download:
        page.click("#folder-zip")
    assert Path(download.value.path()).read_bytes()[:4] == b"PK\3\4"
    check_view(page)
    assert page.problems == [] or all("409" in problem for problem in page.problems)


def wait_for_job(page: Any, run: str) -> None:
    """Follow a job of the page until its end, at its own address."""
    page.wait_for_selector("#state.state-done, #state.state-failed, #state.state-stopped", timeout=600_000)
    assert page.locator("h1").inner_text() == run
    assert page.locator("#state.state-done").count() == 1, page.inner_text("#view")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_training_again_explaining_comparing_and_taking_away(
    browser: Any, studio: OpenStudio, images: dict[str, list[Path]], tmp_path: Path
) -> None:
    page = opened_page(browser, studio, viewport={"width": 1280, "height": 900}, locale="en-US")
    make_data_set(page, {name: files[:11] for name, files in images.items()}, check_view)
    train_a_network(page)
    correct_and_train_again(page, images["1"][11], tmp_path / "runs")
    explain(page)
    from_page(page, studio, claim="", minutes="1", run="digits-comparison")
    take_a_page_away(page, studio)
    assert [problem for problem in page.problems if "409" not in problem] == []


def train_a_network(page: Any) -> None:
    page.click(".next a")
    page.check("input[value=model]")
    page.select_option("#model", "lenet")
    page.fill("#minutes", "0.7")
    page.wait_for_selector("#plan p:has-text('lenet')")
    page.click("#start")
    wait_for_job(page, "digits-lenet")


def correct_and_train_again(page: Any, image: Path, runs: Path) -> None:
    """The new image is for training; those that judge are the same."""
    page.click("#to-try")
    page.set_input_files(".choose-images", str(image))
    page.wait_for_selector("#answer .bars tr")
    page.select_option("#right-class", "1")
    page.click("#wrong")
    page.click("#again")
    wait_for_job(page, "digits-lenet-2")
    before, after = (json.loads((runs / name / "splits.json").read_text()) for name in ("digits-lenet", "digits-lenet-2"))
    assert set(after["test"]) == set(before["test"])
    assert len(after["train"]) == len(before["train"]) + 1


def explain(page: Any) -> None:
    page.click("[data-step=compare]")
    page.locator("table.runs tbody tr button").first.click()
    page.wait_for_selector("#queue:has-text('digits-lenet')")
    page.wait_for_selector("#queue:not(:has-text('digits-lenet'))", state="attached", timeout=300_000)  # empty, it has no size
    page.reload()
    with page.expect_popup() as popup:
        page.click("table.runs a:has-text('Explanation')")
    image = popup.value.locator("img").first
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth > 0)")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_question_of_the_lecture_is_studied(browser: Any, studio: OpenStudio, images: dict[str, list[Path]], tmp_path: Path) -> None:
    """With images of 32 px: those of 8 px are refused, with the reason in the page."""
    page = opened_page(browser, studio, viewport={"width": 1280, "height": 900}, locale="zh-CN")
    make_data_set(page, enlarged(images, tmp_path / "large"), check_view)
    from_page(page, studio, claim="pooling", minutes="4", run="digits-pooling")
    assert page.problems == []


def enlarged(images: dict[str, list[Path]], folder: Path) -> dict[str, list[Path]]:
    folder.mkdir()
    for file in [file for files in images.values() for file in files]:
        with Image.open(file) as image:
            image.resize((32, 32)).save(folder / file.name)
    return {name: [folder / file.name for file in files] for name, files in images.items()}


def from_page(page: Any, studio: OpenStudio, *, claim: str, minutes: str, run: str) -> None:
    """Start a study of a claim, or without one a comparison of systems, and open its report when it has ended."""
    page.goto(f"{studio.address}#/compare")
    page.wait_for_selector("#claim")
    page.select_option("#claim", claim)
    page.fill("#study-minutes", minutes)
    page.click("#start-study")
    wait_for_job(page, run)
    check_view(page)
    with page.expect_popup() as popup:
        page.click("#report")
    assert popup.value.locator("h1").count() == 1


def take_a_page_away(page: Any, studio: OpenStudio) -> None:
    page.goto(f"{studio.address}#/take/digits-lenet")
    page.click("[data-offer=web]")
    page.wait_for_selector("[data-file=web], .log", timeout=300_000)
    with page.expect_download() as download:
        page.click("[data-file=web]")
    with zipfile.ZipFile(download.value.path()) as packed:
        assert any(name.endswith("index.html") for name in packed.namelist())


@pytest.mark.slow
def test_moving_deleting_photographing_and_chinese(browser: Any, studio: OpenStudio, images: dict[str, list[Path]]) -> None:
    page = opened_page(browser, studio, locale="zh-CN", viewport={"width": 1280, "height": 900})
    assert page.locator("h1").inner_text() == "图片"
    page.set_input_files(".choose-folder", str(images["0"][0].parents[1]))
    page.wait_for_selector("section[data-class='9']")
    page.click("section[data-class='0'] .photograph")
    page.click("#shutter")
    page.wait_for_selector("dialog [role=status]:has-text('1')")
    page.click("#close-camera")
    count = page.locator("section[data-class='0'] h2 small")
    with_photo = int(count.inner_text())
    page.focus("section[data-class='0'] .thumb input")
    page.keyboard.press("Space")
    page.select_option("#move-to", "1")
    page.focus("#move")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"section[data-class='0'] h2 small:text-is('{with_photo - 1}')")
    page.click("section[data-class='0'] .thumb")
    page.click("#delete")
    page.wait_for_selector(f"section[data-class='0'] h2 small:text-is('{with_photo - 2}')")
    for back in (1, 0):
        page.click("#undo")
        page.wait_for_selector(f"section[data-class='0'] h2 small:text-is('{with_photo - back}')")
    check_view(page)
    page.goto(f"{studio.address}#/train/nothing")
    page.wait_for_selector("#plan p")
    page.goto(f"{studio.address}#/data/nothing")
    page.wait_for_selector("#problem:has-text('没有名为“nothing”的数据集')")
    assert [problem for problem in page.problems if "404" not in problem and "422" not in problem] == []
