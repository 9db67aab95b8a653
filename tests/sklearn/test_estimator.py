"""`ImageClassifier` by scikit-learn's own suite, in its tools, and against `alexnet.train` on the same images."""

import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import SkipTest

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_no_attributes_set_in_init, estimator_checks_generator, parametrize_with_checks
from tests.conftest import missing

from alexnet.errors import BadModel, BadRecipe, BadWeights, UnreadableImage
from alexnet.models.weights.efficientnet_lite import find_weights
from alexnet.sklearn import ImageClassifier

DOCS = Path(__file__).parents[2] / "docs" / "sklearn.md"
DIGITS = load_digits()
FEW = slice(0, 300)


@parametrize_with_checks([ImageClassifier("raw-svm")])  # type: ignore[untyped-decorator]  # scikit-learn has no types
def test_scikit_learns_own_checks(estimator: ImageClassifier, check: Callable[[ImageClassifier], None]) -> None:
    check(estimator)


def documented(model: str) -> set[str]:
    """The checks that fail for a model, from the table in the docs that gives the reasons."""
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in DOCS.read_text("utf-8").splitlines() if line[:2] == "| "]
    return {row[1] for row in rows if len(row) == 3 and model in row[0].split("`, `")}


CHECKED: dict[str, dict[str, Any]] = {  # small enough for images of two numbers, of which the suite fits some hundreds
    "hog-svm": {"image_size": 16},
    "fisher-svm": {"image_size": 16, "features__gaussians": 4},
    "sift-bow-svm": {"image_size": 16, "features__words": 20},
    "surf-bow-svm": {"image_size": 16, "features__words": 20},
    "efficientnet-lite0+svm": {"image_size": 32},
    "lenet": {"epochs": 5},
    "lenet+svm": {},
    "mlp": {"epochs": 5, "image_size": 16, "network__width": 0.25},
    "alexnet-cifar": {"epochs": 2, "network__width": 0.25},
    "alexnet-cifar-13": {"epochs": 2, "network__width": 0.25},
    "alexnet-cifar-18": {"epochs": 2, "network__width": 0.25},
    "alexnet-cifar-26": {"epochs": 2, "network__width": 0.25},
    "convnet-small": {"epochs": 2, "network__width": 0.25},
    "alexnet": {"epochs": 1, "image_size": 64, "network__width": 0.125},
    "alexnet-owt": {"epochs": 1, "image_size": 64, "network__width": 0.125},
    "alexnet-one-tower": {"epochs": 1, "image_size": 64, "network__width": 0.125},
}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("model", CHECKED)
def test_other_systems_fail_only_the_checks_that_the_docs_name(model: str, digits_run: Path) -> None:
    if model == "surf-bow-svm":
        pytest.importorskip("mahotas")
    if model == "efficientnet-lite0+svm":
        find_weights_or_skip()
    parameters = CHECKED[model] | ({"weights": digits_run} if model == "lenet+svm" else {})
    failed = set()
    for estimator, check in estimator_checks_generator(ImageClassifier(model, **parameters), legacy=True):
        try:
            check(estimator)
        except SkipTest:
            continue
        except Exception:  # a check fails with an error of any class
            failed.add(check.func.__name__)
    assert failed == documented(model)


def find_weights_or_skip() -> None:
    try:
        find_weights()
    except BadModel as problem:
        missing(str(problem))


def test_fields_of_the_recipe_are_parameters_like_others() -> None:
    """They are no attributes of their own, as scikit-learn asks, and are read and set as if they were."""
    one = ImageClassifier("raw-svm", solver__strengths="1")
    check_no_attributes_set_in_init("ImageClassifier", one)
    assert one.solver__strengths == "1"
    one.solver__strengths, one.solver__epochs = "2", 5
    assert {name: value for name, value in one.get_params().items() if "__" in name} == {"solver__strengths": "2", "solver__epochs": 5}
    again = pickle.loads(pickle.dumps(one))
    assert (again.get_params(), hasattr(again, "solver__kernel")) == (one.get_params(), False)


def test_digits_in_every_form_that_x_can_have() -> None:
    """The same classes whether images are arrays, rows, colour or bytes; 0 to 16 means black to white."""
    images, labels = DIGITS.images[:300], DIGITS.target[:300]
    tests = DIGITS.images[1500:1600]
    by_images = ImageClassifier("hog-svm").fit(images, labels)
    by_rows = ImageClassifier("hog-svm").fit(images.reshape(300, -1), labels)
    eight_bits = (DIGITS.images * 255 / 16).round().astype(np.uint8)
    colour = np.repeat(eight_bits[..., None], 3, axis=3)
    by_colour = ImageClassifier("hog-svm").fit(colour[:300], labels)
    found = by_images.predict_proba(tests)
    np.testing.assert_array_equal(found, by_rows.predict_proba(tests.reshape(100, -1)))
    np.testing.assert_allclose(found, by_colour.predict_proba(colour[1500:1600]), atol=1e-5)
    assert by_images.score(tests, DIGITS.target[1500:1600]) > 0.8
    assert by_images.classes_.dtype == DIGITS.target.dtype


def test_files_are_classified_as_alexnet_itself_does(digits_folder: Path, tmp_path: Path) -> None:
    files = sorted(digits_folder.rglob("*.png"))
    labels = [f"digit {file.parent.name}" for file in files]
    fitted = ImageClassifier("raw-svm").fit([str(file) for file in files], labels)
    found = fitted.predict_proba(np.array(files[:70], dtype=object))
    ours = fitted.classifier_.predict(files[:70], top=10)
    for row, answer in zip(found, ours, strict=True):
        assert dict(zip(fitted.classes_, row, strict=True)) == pytest.approx(dict(answer.top), abs=1e-6)
    assert fitted.validation_error_ < 0.5
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    with pytest.raises(UnreadableImage, match=r"broken\.png"):
        fitted.predict([broken])
    with pytest.raises(ValueError, match="fit has seen files; pass paths"):
        fitted.predict(DIGITS.data[FEW])


def test_a_grid_over_recipe_fields_in_a_pipeline() -> None:
    invert = FunctionTransformer(lambda rows: 16 - rows)
    pipeline = make_pipeline(invert, ImageClassifier("raw-svm"))
    grid = GridSearchCV(pipeline, {"imageclassifier__solver__strengths": ["0.000001", "1"]}, cv=2)
    grid.fit(DIGITS.data[FEW], DIGITS.target[FEW])
    assert grid.best_params_ == {"imageclassifier__solver__strengths": "1"}
    assert grid.best_estimator_[-1].recipe_.solver.strengths == "1"
    assert cross_val_score(grid.best_estimator_, DIGITS.data[FEW], DIGITS.target[FEW], cv=2).mean() > 0.8


def test_parameters_survive_a_copy() -> None:
    one = ImageClassifier("lenet", epochs=2, training__learning_rate=0.03)
    copy = clone(one).set_params(training__batch_size=16, epochs=3)
    assert copy.get_params() == one.get_params() | {"training__batch_size": 16, "epochs": 3}
    assert "training__learning_rate=0.03" in repr(copy)
    assert "training__learning_rate" in one._repr_html_()  # scikit-learn's own name


def test_wrong_parameters_and_arrays() -> None:
    rows, labels = DIGITS.data[FEW], DIGITS.target[FEW]
    with pytest.raises(BadRecipe, match=r"solver\.strengths"):
        ImageClassifier("raw-svm", solver__strengh="1").fit(rows, labels)
    with pytest.raises(ValueError, match="no parameter 'modle'"):
        ImageClassifier(modle="raw-svm").fit(rows, labels)
    with pytest.raises(ValueError, match="Invalid parameter 'modle'"):
        ImageClassifier().set_params(modle="raw-svm")
    with pytest.raises(ValueError, match=r"image_shape is \(9, 9\), and rows have 64 numbers"):
        ImageClassifier("hog-svm", image_shape=(9, 9)).fit(rows, labels)
    with pytest.raises(ValueError, match=r"may be colour images of 32 x 32: pass image_shape=\(32, 32, 3\)"):
        ImageClassifier("hog-svm").fit(np.zeros((4, 3 * 32 * 32)), [0, 0, 1, 1])
    with pytest.raises(ValueError, match=r"several images are \(N, H, W\)"):
        ImageClassifier("hog-svm").fit(np.zeros((4, 3, 8, 8)), [0, 0, 1, 1])
    with pytest.raises(ValueError, match="no class has the two images"):
        ImageClassifier("raw-svm").fit(rows[:2], [0, 1])
    with pytest.raises(ValueError, match="X has images of 4 x 16, and fit has seen 8 x 8"):
        ImageClassifier("raw-svm").fit(rows, labels).predict(rows.reshape(-1, 4, 16))
    with pytest.raises(BadWeights, match=r"lenet\+svm is an SVM on.*add --weights"):
        ImageClassifier("lenet+svm").fit(rows, labels)
    with pytest.raises(NotFittedError):
        ImageClassifier().predict_proba(rows)


def test_it_speaks_through_logging_alone(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    with caplog.at_level(logging.INFO):
        ImageClassifier("raw-svm").fit(DIGITS.data[FEW], DIGITS.target[FEW])
    assert {record.name for record in caplog.records} == {"alexnet"}
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_a_network_learns_digits() -> None:
    fitted = ImageClassifier("lenet", epochs=8).fit(DIGITS.images[:1200], DIGITS.target[:1200])
    assert fitted.score(DIGITS.images[1200:], DIGITS.target[1200:]) > 0.8
