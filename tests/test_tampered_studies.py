"""A study's folder of which one file was changed: the lecture's page, the study's own, a resumed study, or one message. Comparisons too."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.attacks import attacked
from tests.mutations import EXAMPLES
from tests.runs.digit_systems import Trainings
from tests.studies.invented import report as invented_study
from tests.studies.test_study import letters as letters  # noqa: PLC0414 - a fixture
from tests.studies.test_study import run as run_study
from tests.test_tampered_runs import tampered

from alexnet import reports
from alexnet.errors import AlexNetError, BadRun
from alexnet.i18n.translate import LANGUAGES
from alexnet.studies.lecture_page import lecture_page
from alexnet.studies.request import StudyFolder, StudyRequest, save_study_request

PAGES = max(10, EXAMPLES // 4)  # examples of a test that draws whole pages, which takes a second or two


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with every verdict, which no one has made."""
    folder = StudyFolder(tmp_path_factory.mktemp("studies") / "mine")
    folder.path.mkdir()
    save_study_request(StudyRequest(data="photos", claims=("dropout", "activation")), folder.request)
    folder.result.write_text(json.dumps(invented_study().to_json()), encoding="utf-8")
    return folder.path


def changed(data: st.DataObject, original: Path, name: str, folder: Path) -> Path:
    """A copy of a study in which one file is not as it was."""
    copied = folder / "copy"
    shutil.rmtree(copied, ignore_errors=True)
    shutil.copytree(original, copied)
    (copied / name).write_bytes(tampered(data, original / name))
    return copied


def is_page(path: Path) -> bool:
    text = path.read_text("utf-8")
    return text.startswith("<!doctype html>") and "nan%" not in text


def drawn_or_refused(page: Callable[[], Path], name: str) -> None:
    """A page, or a short message that names the file; any other exception is a failure."""
    try:
        assert is_page(page())
    except AlexNetError as error:
        assert name in str(error)  # noqa: PT017 - either way is right
        assert len(str(error)) < 3_000  # noqa: PT017


@pytest.mark.slow
@pytest.mark.parametrize("name", ["result.json", "study.json"])
@settings(max_examples=PAGES)
@given(data=st.data())
def test_the_lecture_and_the_studys_own_page(name: str, data: st.DataObject, study: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = changed(data, study, name, tmp_path_factory.getbasetemp())
    lang = data.draw(st.sampled_from(LANGUAGES))
    attacked("studies changed, then shown by lecture and by report")
    drawn_or_refused(lambda: Path(lecture_page(folder, lang=lang, out=folder / "lecture").page), name)
    drawn_or_refused(lambda: reports.report(folder, lang=lang), name)


@pytest.mark.parametrize("content", [b"", b"[1]", b"null", b"\xff\xfe\x00", b'{"a":' * 100_000, b'{"seed": ' + b"9" * 6000 + b"}"])
@pytest.mark.parametrize("name", ["result.json", "study.json"])
def test_the_file_is_named(name: str, content: bytes, study: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(study, tmp_path / "study")
    (folder / name).write_bytes(content)
    with pytest.raises(BadRun, match=name):
        lecture_page(folder, out=tmp_path / "lecture")
    with pytest.raises(BadRun, match=name):
        reports.report(folder)


@pytest.fixture(scope="module")
def measured(letters: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of real digits."""
    out = tmp_path_factory.mktemp("studies") / "overlap"
    run_study(letters, out)
    return out


def outcome_of(study: Path) -> str:
    """The outcome of one of its runs, as a path below the study."""
    return str(min(study.glob("runs/*/outcome.json")).relative_to(study))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["outcome.json", "study.json", "splits-0.json", "result.json"])
@settings(max_examples=PAGES)
@given(data=st.data())
def test_a_study_that_is_judged_again(
    name: str, data: st.DataObject, measured: Path, letters: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nothing is trained: what asks for another run is stopped before it."""
    place = outcome_of(measured) if name == "outcome.json" else name
    folder = changed(data, measured, place, tmp_path_factory.getbasetemp())
    asked: dict[str, Any] = dict.fromkeys(("claims", "seeds", "budget", "overrides"))
    attacked("studies changed, then resumed")
    try:
        run_study(letters, folder, **asked, should_stop=lambda: True)
    except AlexNetError as error:
        assert str(error)  # noqa: PT017 - either way is right; what is not is another exception


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished comparison of scikit-learn's models."""
    out = tmp_path_factory.mktemp("comparisons") / "compared"
    Trainings().compare(models="hog-svm,lenet,fisher-svm", fractions="0.2,1", seeds=2, out=out)
    return out


@pytest.mark.slow
@pytest.mark.parametrize("name", ["result.json", "comparison.json"])
@settings(max_examples=PAGES)
@given(data=st.data())
def test_a_comparisons_page(name: str, data: st.DataObject, comparison: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = changed(data, comparison, name, tmp_path_factory.getbasetemp())
    attacked("comparisons changed, then shown by report")
    lang = data.draw(st.sampled_from(LANGUAGES))
    drawn_or_refused(lambda: reports.report(folder, lang=lang), name)
