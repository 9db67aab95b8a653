"""The temperature of a network's scores: certainties become what they say, and no answer changes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

import alexnet
from alexnet.data.curation.splits import Splits, read_split_names
from alexnet.data.open import open_dataset
from alexnet.data.pipeline.image_store import open_images
from alexnet.errors import BadRun
from alexnet.inference.classifier import Classifier
from alexnet.models.networks.model import NetworkModel
from alexnet.runs.temperature import LARGEST

SMOOTH = {"training.label_smoothing": 0.3, "network.activation": "relu", "network.pooling": "max", "training.learning_rate": 0.05}


@pytest.fixture(scope="module")
def smoothed(digits_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LeNet that has learned the digits with smoothed labels, and is therefore too uncertain by itself."""
    run = tmp_path_factory.mktemp("smoothed") / "run"
    alexnet.train(digits_folder, model="lenet", epochs=8, out=run, overrides=SMOOTH | {"training.batch_size": 32}, baseline=False)
    return run


def validation_scores(run: Path, data: Path) -> tuple[Classifier, np.ndarray, np.ndarray]:
    """The classifier, the scores of the validation images before they are divided, and their labels."""
    classifier = alexnet.load(run)
    dataset = open_dataset(str(data))
    splits = Splits.from_json(dataset, read_split_names(run / "splits.json"))
    sizes = classifier.model_card.preprocess
    images = open_images(dataset, sizes.stored_size, sizes.fit, workers=1)
    model = classifier.model
    assert isinstance(model, NetworkModel)
    squares = torch.cat(list(images.stream([list(splits.validation)])))
    temperature, model.temperature = model.temperature, 1.0
    scores = classifier.scores(squares).double().numpy()
    model.temperature = temperature
    return classifier, scores, images.labels_of(splits.validation)


def test_it_has_the_lowest_log_loss_on_validation_images(smoothed: Path, digits_folder: Path) -> None:
    """Against all temperatures of a fine grid; a few mistakes are assumed besides those that were seen, as Platt does."""
    classifier, scores, labels = validation_scores(smoothed, digits_folder)
    doubt = 1 / (len(labels) + 2)
    targets = np.full(scores.shape, doubt / (scores.shape[1] - 1))
    targets[np.arange(len(labels)), labels] = 1 - doubt
    grid = np.exp(np.linspace(-np.log(LARGEST), np.log(LARGEST), 2_001))
    losses = [-(targets * log_softmax(scores / temperature, axis=1)).sum(1).mean() for temperature in grid]
    temperature = classifier.model_card.temperature
    assert temperature is not None
    assert temperature == pytest.approx(grid[np.argmin(losses)], rel=0.01)
    assert temperature < 0.8, "smoothed labels make a network too uncertain"


def test_certainties_are_the_scores_over_the_temperature_and_answers_stay(smoothed: Path, digits_folder: Path) -> None:
    classifier, scores, _ = validation_scores(smoothed, digits_folder)
    files = sorted((digits_folder / "3").iterdir())[:5]
    answers = classifier.predict(files, top=10)
    for answer, file in zip(answers, files, strict=True):
        assert answer.file == str(file)
        assert sum(probability for _, probability in answer.top) == pytest.approx(1, abs=1e-5)
    tempered = softmax(scores / classifier.model_card.temperature, axis=1)
    assert (tempered.argmax(1) == scores.argmax(1)).all()
    assert tempered.max(1).mean() > softmax(scores, axis=1).max(1).mean(), "more certain than before"


def test_runs_without_one_are_read_as_they_were(smoothed: Path, tmp_path: Path) -> None:
    card = json.loads((smoothed / "model" / "model.json").read_text())
    assert 1 / LARGEST <= card.pop("temperature") <= LARGEST
    for name in ("model.json", "model.safetensors"):
        (tmp_path / name).write_bytes((smoothed / "model" / name).read_bytes())
    (tmp_path / "model.json").write_text(json.dumps(card))
    model = alexnet.load(tmp_path).model
    assert isinstance(model, NetworkModel)
    assert model.temperature == 1


@pytest.mark.parametrize("value", [0, -1, "warm"])
def test_impossible_ones_are_refused(smoothed: Path, tmp_path: Path, value: object) -> None:
    card = json.loads((smoothed / "model" / "model.json").read_text()) | {"temperature": value}
    (tmp_path / "model.safetensors").write_bytes((smoothed / "model" / "model.safetensors").read_bytes())
    (tmp_path / "model.json").write_text(json.dumps(card))
    with pytest.raises(BadRun, match=r"model\.json is damaged"):
        alexnet.load(tmp_path)
