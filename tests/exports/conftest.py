"""One run, exported once for all tests here."""

from pathlib import Path

import pytest
from tests.conftest import made_once

from alexnet.exports.export import export


@pytest.fixture(scope="session")
def digits_onnx(digits_run: Path, session_folder: Path) -> Path:
    """The ONNX file of `digits_run`. Not to be changed."""
    folder = made_once(session_folder / "digits onnx", lambda place: _exported(digits_run, place))
    return folder / "digits.onnx"


def _exported(run: Path, place: Path) -> None:
    place.mkdir()
    export(run, out=place / "digits.onnx")
