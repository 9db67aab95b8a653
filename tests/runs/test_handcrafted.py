"""Hand-crafted systems through the same door as networks: train, resume, load, predict, evaluate; and what is refused."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from safetensors.torch import load_file, save_file

from alexnet.cli import main
from alexnet.comparison.compare import compare
from alexnet.data.open import open_dataset
from alexnet.errors import AlexNetError, BadDataset, BadModel, BadRecipe, BadRun, ImageSizeTooSmall
from alexnet.inference.classifier import load
from alexnet.models.handcrafted.systems import SYSTEMS
from alexnet.models.weights.efficientnet_lite import find_weights
from alexnet.recipes.toml import from_toml
from alexnet.runs.evaluate import evaluate_run
from alexnet.runs.folder import RunFolder
from alexnet.runs.linear_probe import fit_linear_probe
from alexnet.runs.result import Result
from alexnet.runs.train import train
from alexnet.runtime.events import Event, Extracting
from alexnet.training.feature_cache import FeatureCache, Rows

SMALL = {"features.gaussians": 2, "features.words": 20, "solver.epochs": 5}
SMALL_SIZES = {"fisher-svm": 16, "sift-bow-svm": 16, "surf-bow-svm": 16, "hog-svm": 16, "raw-svm": 8, "efficientnet-lite0+svm": 32}


def fit(folder: Path, out: Path, model: str = "fisher-svm", **words: object) -> Result:
    """A small system on the digits, enlarged where a descriptor needs room."""
    changes = SMALL | words.pop("overrides", {})  # type: ignore[operator]  # a mapping
    return train(folder, model=model, out=out, image_size=SMALL_SIZES[model], workers=0, overrides=changes, **words)  # type: ignore[arg-type]


def answers_of(run: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(RunFolder(run).predictions.read_text(encoding="utf-8"), newline="")))


SLOW_SYSTEMS = ("surf-bow-svm",)
FAST_SYSTEMS = tuple(model for model in SYSTEMS if model not in SLOW_SYSTEMS)


def skip_without_weights() -> None:
    try:
        find_weights()
    except BadModel as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def fisher_result(digits_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return fit(digits_folder, tmp_path_factory.mktemp("fisher") / "run")


@pytest.fixture(scope="module")
def fisher_run(fisher_result: Result) -> Path:
    return Path(fisher_result.run)


@pytest.mark.parametrize("model", [*FAST_SYSTEMS, *(pytest.param(model, marks=pytest.mark.slow) for model in SLOW_SYSTEMS)])
def test_every_system_trains_saves_and_loads(digits_folder: Path, tmp_path: Path, model: str, request: pytest.FixtureRequest) -> None:
    if model == "efficientnet-lite0+svm":
        skip_without_weights()
    result = request.getfixturevalue("fisher_result") if model == "fisher-svm" else fit(digits_folder, tmp_path / "run", model)
    run = Path(result.run)
    assert result.model == model
    assert result.baseline is None
    assert result.test_error is not None
    assert result.test_error < (0.85 if model == "surf-bow-svm" else 0.5)  # chance is 0.9, and SURF finds few points in 16 px
    assert result.parameters > 0
    assert result.bytes > 4 * result.parameters * 0.9
    assert result.predict_milliseconds > 0
    evaluation = evaluate_run(run, workers=0)
    assert evaluation.top1_error == pytest.approx(result.test_error)
    assert not (run / "features").exists()
    assert "The convex problem" in (run / "report.html").read_text(encoding="utf-8")
    assert json.loads((run / "result.json").read_text())["model"] == model


def test_answers_are_those_of_the_test_images(fisher_run: Path, digits_folder: Path) -> None:
    rows = answers_of(fisher_run)
    splits = json.loads((fisher_run / "splits.json").read_text())
    assert [row["file"] for row in rows] == splits["test"]
    predictions = load(fisher_run).predict([digits_folder / row["file"] for row in rows[:5]], top=1)
    for row, prediction in zip(rows, predictions, strict=False):
        assert row["predicted"] == prediction.top[0][0]
        assert float(row["probability"]) == pytest.approx(prediction.top[0][1], abs=1e-4)


def with_split(digits_folder: Path, folder: Path, *, other_judges: bool) -> Path:
    """Digits in split folders; other_judges: the validation and test images are negatives."""
    for split, part in (("train", slice(0, 20)), ("validation", slice(20, 25)), ("test", slice(25, 30))):
        for class_folder in sorted(digits_folder.iterdir()):
            (folder / split / class_folder.name).mkdir(parents=True)
            for file in sorted(class_folder.iterdir())[part]:
                with Image.open(file) as image:
                    shown = ImageOps.invert(image.convert("L")) if other_judges and split != "train" else image
                    shown.save(folder / split / class_folder.name / file.name)
    return folder


def dictionaries_of(run: Path) -> dict[str, torch.Tensor]:
    tensors = load_file(run / "model" / "model.safetensors")
    return {name: tensor for name, tensor in tensors.items() if not name.startswith("machine")}


@pytest.mark.slow
@pytest.mark.parametrize("model", ["fisher-svm", "sift-bow-svm"])
def test_dictionaries_are_learned_from_the_training_images_alone(digits_folder: Path, tmp_path: Path, model: str) -> None:
    folders = [with_split(digits_folder, tmp_path / f"data-{other}", other_judges=other) for other in (False, True)]
    results = [fit(folder, tmp_path / f"run-{number}", model) for number, folder in enumerate(folders)]
    ours, others = (dictionaries_of(Path(result.run)) for result in results)
    assert ours
    assert {name: torch.equal(tensor, others[name]) for name, tensor in ours.items()} == dict.fromkeys(others, True)
    assert results[0].test_error != results[1].test_error, "the images that judge did change"


@pytest.mark.slow
def test_repeated_from_its_recipe_it_is_the_same(fisher_run: Path, digits_folder: Path, tmp_path: Path) -> None:
    recipe = from_toml(fisher_run / "recipe.toml")
    assert recipe.features.gaussians == 2
    text = (fisher_run / "recipe.toml").read_text()
    assert "[training]" not in text
    assert "[features]" in text
    train(digits_folder, recipe=str(fisher_run / "recipe.toml"), out=tmp_path / "again", workers=2)
    one, other = (load_file(run / "model" / "model.safetensors") for run in (fisher_run, tmp_path / "again"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_networks_recipe_has_no_features(digits_run: Path) -> None:
    text = (digits_run / "recipe.toml").read_text(encoding="utf-8")
    assert "[features]" not in text
    assert "[solver]" not in text


@pytest.mark.slow
def test_an_interrupted_extraction_goes_on_where_it_stopped(digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet.models.handcrafted.model.PIXELS_AT_ONCE", 16 * 16 * 32)
    fit(digits_folder, tmp_path / "whole")  # with batches of the same size: another may round another way
    run, seen = tmp_path / "run", 0

    def listen(event: Event) -> None:
        nonlocal seen
        seen += isinstance(event, Extracting)

    with pytest.raises(AlexNetError, match="Stopped while features were being extracted") as stopped:
        fit(digits_folder, run, listen=listen, should_stop=lambda: seen >= 3)
    assert "--resume" in stopped.value.__notes__[0]
    filled: list[int] = []
    fill = FeatureCache.fill

    def noted(cache: FeatureCache, vectors: Callable[[int], Iterator[NDArray[np.floating[Any]]]]) -> Rows:
        filled.append(cache.done)
        return fill(cache, vectors)

    monkeypatch.setattr(FeatureCache, "fill", noted)
    train(digits_folder, out=run, resume=True, workers=0)
    assert filled == [96]
    one, other = (load_file(folder / "model" / "model.safetensors") for folder in (tmp_path / "whole", run))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_shares_of_the_training_images(digits_folder: Path, tmp_path: Path) -> None:
    results = [fit(digits_folder, tmp_path / str(share), "raw-svm", overrides={"fraction": share}) for share in (0.1, 0.5, 1.0)]
    assert [result.n_train for result in results] == [21, 121, 240]  # a class each: rounded
    splits = [json.loads((tmp_path / share / "splits.json").read_text()) for share in ("0.1", "0.5", "1.0")]
    assert splits[0]["test"] == splits[2]["test"]
    assert set(splits[0]["train"]) < set(splits[1]["train"]) < set(splits[2]["train"])


def test_the_machine_is_fitted_again_with_the_validation_images_and_says_so(digits_folder: Path, tmp_path: Path) -> None:
    results = {refit: fit(digits_folder, tmp_path / str(refit), "raw-svm", overrides={"solver.refit": refit}) for refit in (True, False)}
    counts = {split: len(names) for split, names in json.loads((tmp_path / "True" / "splits.json").read_text()).items()}
    again = f"{counts['train']} training pictures; after choosing C, again on these and the {counts['validation']} validation pictures"
    pages = {refit: (tmp_path / str(refit) / "report.html").read_text(encoding="utf-8") for refit in (True, False)}
    assert again in pages[True]
    assert "after choosing C" not in pages[False]
    assert f"{counts['train']} training pictures" in pages[False]
    assert results[True].validation_error == results[False].validation_error
    assert [result.n_train for result in results.values()] == [counts["train"]] * 2
    one, other = (load_file(tmp_path / str(refit) / "model" / "model.safetensors") for refit in (True, False))
    assert not torch.equal(one["machine.weights"], other["machine.weights"])


@pytest.mark.parametrize("shared", ["fraction", "splits"])
def test_images_that_others_learn_from_are_not_filled_up_with_validation_images(
    fisher_run: Path, digits_folder: Path, tmp_path: Path, shared: str
) -> None:
    words: dict[str, Any] = {"overrides": {"fraction": 0.5}} if shared == "fraction" else {"splits": fisher_run / "splits.json"}
    fit(digits_folder, tmp_path / "run", "raw-svm", **words)
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "after choosing C" not in page
    assert "refit = false" in page


def test_cells_of_a_comparison_are_trained_on_the_same_images(digits_folder: Path, tmp_path: Path) -> None:
    compare(digits_folder, models="raw-svm", fractions="1", seeds=1, workers=0, out=tmp_path / "out")
    (cell,) = (tmp_path / "out" / "cells").iterdir()
    assert from_toml(cell / "recipe.toml").solver.refit is False
    assert "after choosing C" not in (cell / "report.html").read_text(encoding="utf-8")


def test_the_report_says_that_descent_stops_early(digits_folder: Path, tmp_path: Path) -> None:
    fit(digits_folder, tmp_path / "run", "raw-svm", overrides={"solver.method": "descent"})
    assert "stopped early on purpose" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_the_machine_has_learned_the_digits(tmp_path: Path) -> None:
    """All 1,797 digits at their own 8 px, pixels alone: a linear machine is known to reach 95% and more on them."""
    assert train("digits", model="raw-svm", out=tmp_path / "run").test_error < 0.08  # type: ignore[operator]


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (
            {"model": "fisher-svm", "epochs": 3.0},
            BadRecipe,
            "fisher-svm is a hand-crafted system and has no training.epochs. Its fields begin with",
        ),
        ({"model": "fisher-svm", "overrides": {"network.activation": "tanh"}}, BadRecipe, "has no network.activation"),
        ({"model": "fisher-svm", "weights": "imagenet"}, BadRecipe, "has no weights"),
        ({"model": "lenet", "overrides": {"features.step": 2}}, BadRecipe, "lenet is a network and has no features.step"),
        ({"model": "lenet", "overrides": {"solver.gamma": 2}}, BadRecipe, "has no solver.gamma"),
        ({"model": "fisher-swm"}, BadModel, "No model is called 'fisher-swm'. Did you mean 'fisher-svm'"),
        ({"model": "fisher-svm"}, ImageSizeTooSmall, "A descriptor of 4x4 bins of 3 px is 12 px wide, but the picture 8 px"),
        (
            {"model": "fisher-svm", "overrides": {"features.cells": "2by2"}},
            BadRecipe,
            "features.cells is '2by2'; use levels of columns x rows",
        ),
        (
            {"model": "fisher-svm", "overrides": {"features.bins": "0"}},
            BadRecipe,
            "features.bins is '0'; use one number of pixels per scale",
        ),
        ({"model": "fisher-svm", "overrides": {"features.gaussians": 0}}, BadRecipe, "features.gaussians is 0; it must be at least 1"),
        ({"model": "hog-svm", "overrides": {"features.encoding": "fisher"}}, BadModel, "describes whole pictures and takes no encoding"),
        ({"model": "fisher-svm", "overrides": {"features.encoding": "none"}}, BadModel, "computes many vectors per picture"),
        (
            {"model": "raw-svm", "overrides": {"solver.method": "newton"}},
            BadRecipe,
            "solver.method is 'newton'; it can be 'auto', 'descent'",
        ),
        ({"model": "raw-svm", "overrides": {"fraction": 0.0}}, BadRecipe, "fraction is 0; it is a share of the training pictures"),
        ({"model": "raw-svm", "overrides": {"preprocess.image_size": 4}}, BadRecipe, "uses whole pictures without crops"),
    ],
)
def test_what_is_refused_before_anything_is_read(
    digits_folder: Path, tmp_path: Path, words: dict[str, object], error: type[AlexNetError], message: str
) -> None:
    with pytest.raises(error) as refused:
        train(digits_folder, out=tmp_path / "run", **words)  # type: ignore[arg-type]  # of several types
    assert message in str(refused.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("model", "extra"), [("surf-bow-svm", "surf"), ("sift-bow-svm", "sparse")])
def test_a_missing_library_is_named_before_anything_is_read(
    digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, extra: str
) -> None:
    for name in ("mahotas", "cv2"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    changes = {"features.descriptor": "sparse-sift"} if extra == "sparse" else {}
    with pytest.raises(BadModel, match=rf"pip install '\.\[{extra}\]'"):
        train(digits_folder, model=model, out=tmp_path / "run", overrides=changes)
    assert not (tmp_path / "run").exists()


def test_a_kernel_matrix_that_is_too_large_is_refused_with_the_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadDataset, match="GB"):
        train("fashion-mnist", model="hog-svm", out=tmp_path / "run", overrides={"solver.map": "exact"})
    assert not (tmp_path / "run").exists()


def test_recipes_of_the_other_kind_are_refused(fisher_run: Path, digits_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match="is a recipe for fisher-svm, and lenet is another kind of model"):
        train(digits_folder, model="lenet", recipe=str(fisher_run / "recipe.toml"), out=tmp_path / "run")


def test_damaged_models_are_refused_with_what_does_not_fit(fisher_run: Path, tmp_path: Path) -> None:
    tensors = load_file(fisher_run / "model" / "model.safetensors")
    card = json.loads((fisher_run / "model" / "model.json").read_text())
    for name, value, message in (
        ("dictionary.0.means", torch.zeros(3, 3), "means has shape (3, 3); these features need"),
        ("machine.weights", torch.zeros(5, 10), "weights"),
        ("dictionary.0.weights", None, "A Fisher vector needs"),
    ):
        changed = dict(tensors)
        changed.pop(name)
        if value is not None:
            changed[name] = value
        folder = tmp_path / f"{name}-{value is None}"
        folder.mkdir()
        save_file(changed, folder / "model.safetensors")
        (folder / "model.json").write_text(json.dumps(card))
        with pytest.raises((BadModel, BadRun)) as refused:
            load(folder)
        assert message in str(refused.value)


@pytest.mark.parametrize("features", [{"descriptor": "nonsense"}, {"unknown": 1}, "text", {"bins": "999"}])
def test_damaged_cards_are_refused(fisher_run: Path, tmp_path: Path, features: object) -> None:
    card = json.loads((fisher_run / "model" / "model.json").read_text())
    card["features"] = card["features"] | features if isinstance(features, dict) else features
    (tmp_path / "model.json").write_text(json.dumps(card))
    (tmp_path / "model.safetensors").write_bytes((fisher_run / "model" / "model.safetensors").read_bytes())
    with pytest.raises(AlexNetError):
        load(tmp_path)


def test_views_and_predict_from_the_command_line(fisher_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(fisher_run), "--views", "ten", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] > 0
    assert main(["evaluate", str(fisher_run), "--views", "any", "--json"]) == 2
    assert "takes 16x16 pictures only" in capsys.readouterr().err


def test_the_scores_are_those_of_the_seam_in_any_batch(fisher_run: Path, digits_folder: Path) -> None:
    classifier, dataset = load(fisher_run), open_dataset(digits_folder)
    images = torch.stack([classifier.fitted(dataset.image(index)) for index in range(6)])
    together = classifier.scores(images)
    apart = torch.cat([classifier.scores(image[None]) for image in images])
    assert together.shape == (6, 10)
    assert torch.allclose(together, apart, atol=1e-4)
    assert np.allclose(classifier.probabilities(images).sum(1), 1, atol=1e-5)


def test_the_baseline_stands_beside_a_network(digits_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = train(digits_folder, model="lenet", epochs=1, out=run, workers=0)
    assert result.baseline is not None
    assert result.baseline["model"] == "hog-svm"
    assert result.baseline["test_error"] < 0.5
    assert result.baseline["n_test"] == result.n_test
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "hog-svm" in page
    same = train(digits_folder, model="lenet", epochs=1, out=tmp_path / "alone", workers=0, baseline=False)
    assert same.baseline is None
    assert (tmp_path / "alone" / "baseline.json").read_text("utf-8") == "{}"
    one, other = (load_file(folder / "model" / "model.safetensors") for folder in (run, tmp_path / "alone"))
    assert all(torch.equal(one[name], other[name]) for name in one)  # the baseline draws no number of the network's


@pytest.mark.slow
def test_the_baseline_is_not_fitted_again(digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    with pytest.raises(AlexNetError, match="Stopped"):
        train(digits_folder, model="lenet", epochs=1, out=run, workers=0, should_stop=(run / "baseline.json").exists)
    monkeypatch.setattr("alexnet.runs.baseline.choose", lambda *_, **__: pytest.fail("fitted again"))
    assert train(digits_folder, out=run, resume=True).baseline is not None


def test_a_networks_frozen_features_under_an_svm(digits_folder: Path, tmp_path: Path) -> None:
    network = train(digits_folder, model="lenet", epochs=1, out=tmp_path / "network", workers=0, baseline=False)
    result = fit_linear_probe(tmp_path / "network", tmp_path / "frozen", workers=0)
    assert result.model == "lenet+svm"
    assert "after choosing C" not in (tmp_path / "frozen" / "report.html").read_text(encoding="utf-8")
    assert result.seconds > network.seconds
    assert result.n_test == network.n_test
    assert result.test_error is not None
    assert fit_linear_probe(tmp_path / "network", tmp_path / "frozen") == result
    classifier = load(tmp_path / "frozen")
    answers = answers_of(tmp_path / "frozen")
    prediction = classifier.predict(digits_folder / answers[0]["file"], top=1)[0]
    assert prediction.top[0][0] == answers[0]["predicted"]
    assert evaluate_run(tmp_path / "frozen", workers=0).top1_error == pytest.approx(result.test_error)
