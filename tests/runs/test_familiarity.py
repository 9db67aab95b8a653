"""The distance to the training set: the same from features that are at hand as from the images again."""

from pathlib import Path

import pytest
import torch
from tests.conftest import DIGITS

from alexnet.data.curation.splits import Splits
from alexnet.explanations.subject import Subject
from alexnet.inference.classifier import load
from alexnet.runs import finish
from alexnet.runs.familiarity import measure_familiarity
from alexnet.runs.train import train


def test_features_at_hand_are_not_computed_again(digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finish, "measure_familiarity", lambda *_, **__: pytest.fail("the images were read again"))
    train(digits_folder, model="raw-svm", out=tmp_path / "run", seed=1)
    classifier = load(tmp_path / "run", device="cpu")
    assert classifier.familiarity is not None
    assert len(classifier.familiarity.references) == round(0.8 * DIGITS)

    subject = Subject(tmp_path / "run")
    splits = Splits(subject.split("train"), subject.split("validation"), subject.split("test"))
    again = measure_familiarity(classifier, subject.store, splits, seed=1)
    assert again is not None
    hidden = classifier.hidden(torch.stack([subject.image(index) for index in splits.test]))
    torch.testing.assert_close(classifier.familiarity.distances(hidden), again.distances(hidden), rtol=0.01, atol=0.01)
    torch.testing.assert_close(classifier.familiarity.threshold, again.threshold, rtol=0.01, atol=0.01)
