"""What notebooks show of results: every name escaped, and the figures of the result itself."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

import alexnet
from alexnet.i18n.notebook import html_table, named_classes, with_interval
from alexnet.inference.prediction import Prediction
from alexnet.runs.result import read_result


def cells(html: str) -> list[str]:
    """The text of a table that is well-formed; markup in a cell would be an element, or break it."""
    return [element.text or "" for element in ElementTree.fromstring(html).iter() if element.tag in ("th", "td", "b")]  # our own


def test_names_are_text() -> None:
    found = cells(html_table("<b>a</b>", [("<script>", "a&b")], ("name", "x")))
    assert found == ["<b>a</b>", "name", "x", "<script>", "a&b"]
    assert with_interval(None, None) == "–"
    assert with_interval(0.087, (0.072, 0.104)) == "8.7% (7.2% to 10.4%)"
    assert named_classes([str(number) for number in range(30)], most=2) == "30: 0, 1 and 28 more"


def test_results_and_classifiers(digits_run: Path, digits_onnx: Path, digits_folder: Path) -> None:
    result = read_result(digits_run / "result.json")
    assert any(f"{100 * result.validation_error:.1f}%" in cell for cell in cells(result._repr_html_()))
    for classifier in (alexnet.load(digits_run), alexnet.OnnxClassifier(digits_onnx)):
        assert "10: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in cells(classifier._repr_html_())
        answer = classifier.predict(digits_folder / "3" / "0003.png", top=2)[0]
        assert [name for name, _ in answer.top] == cells(answer._repr_html_())[1::2]
    assert cells(Prediction("a.png", (), "is cut short")._repr_html_()) == ["a.png", "error", "is cut short"]
    evaluated = alexnet.evaluate(digits_run)
    assert with_interval(evaluated.top1_error, evaluated.interval) in cells(evaluated._repr_html_())


@pytest.mark.slow
@pytest.mark.usefixtures("fashion_mnist")
def test_comparisons_and_studies(digits_folder: Path, tmp_path: Path) -> None:
    compared = alexnet.compare(digits_folder, models=["raw-svm", "hog-svm"], fractions=[1], out=tmp_path / "compared")
    assert {"raw-svm", "hog-svm"} <= set(cells(compared._repr_html_()))
    small = {"training.epochs": 1, "training.learning_rate": 0.02, "fraction": 0.01, "network.width": 0.125}
    studied = alexnet.study("fashion-mnist", claims=["pooling"], seeds=2, budget="30m", overrides=small, out=tmp_path / "studied")
    assert "pooling" in cells(studied._repr_html_())
