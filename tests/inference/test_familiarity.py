"""The distance to the training set: against distances in full, its rate of false alarms, and images of another kind."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from alexnet.errors import BadRun
from alexnet.inference.classifier import Classifier, load
from alexnet.inference.familiarity import FALSE_ALARMS, FEWEST, FILE, NEIGHBOUR, Familiarity, fit_familiarity, unit


def images(count: int, seed: int, *, rank: int = 20, width: int = 200) -> Tensor:
    """Hidden layers near a subspace that all seeds share."""
    directions = torch.randn(rank, width, generator=torch.Generator().manual_seed(0))
    random = torch.Generator().manual_seed(seed)
    return torch.randn(count, rank, generator=random) @ directions + 0.1 * torch.randn(count, width, generator=random)


def fitted(validation: int = 400) -> Familiarity:
    found = fit_familiarity(images(500, 1).split(64), images(validation, 2).split(64))
    assert found is not None
    return found


def test_distances_are_those_in_full() -> None:
    """But for the part of a training image outside of the components, which is small: its square is missing in the square."""
    queries, training = unit(images(50, 3)), unit(images(500, 1))
    exact = NearestNeighbors(n_neighbors=NEIGHBOUR).fit(training.numpy()).kneighbors(queries.numpy())[0][:, -1]
    np.testing.assert_allclose(fitted().distances(images(50, 3)).numpy(), exact, rtol=0.02)


def test_what_is_outside_of_the_components_counts_in_full() -> None:
    far = torch.randn(20, 200, generator=torch.Generator().manual_seed(9))
    exact = NearestNeighbors(n_neighbors=NEIGHBOUR).fit(unit(images(500, 1)).numpy()).kneighbors(unit(far).numpy())[0][:, -1]
    np.testing.assert_allclose(fitted().distances(far).numpy(), exact, rtol=0.02)
    assert all(fitted().unlike(far))


def test_five_percent_are_false_alarms() -> None:
    rates = []
    for seed in range(10):  # the guarantee holds on average over calibrations
        found = fit_familiarity(images(300, 1).split(100), [images(99, 100 + seed)])
        assert found is not None
        rates.append(np.mean(found.unlike(images(1000, 200 + seed))))
    assert 0.03 < float(np.mean(rates)) < 1.3 * FALSE_ALARMS


def test_too_few_validation_images_for_a_threshold() -> None:
    assert fit_familiarity([images(100, 1)], [images(FEWEST - 1, 2)]) is None
    assert fit_familiarity([images(100, 1)], [images(FEWEST, 2)]) is not None


def test_a_hidden_layer_that_is_always_the_same() -> None:
    found = fit_familiarity([torch.ones(30, 8)], [torch.ones(30, 8)])
    assert found is not None
    assert found.unlike(torch.ones(2, 8)) == [False, False]


@pytest.fixture(scope="module")
def classifier(digits_run: Path) -> Classifier:
    return load(digits_run)


def test_a_run_says_what_is_unlike(classifier: Classifier, digits_folder: Path) -> None:
    assert classifier.familiarity is not None
    known = classifier.predict(sorted(digits_folder.rglob("*.png"))[:100])
    assert sum(answer.unlike is True for answer in known) <= 15
    assert all(answer.unlike is not None for answer in known)
    noise = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 3)).astype(np.uint8)
    assert sum(answer.unlike is True for answer in classifier.predict(list(noise))) >= 10
    assert {answer.unlike for answer in classifier.predict(list(noise), views="any")} == {None}


def test_the_probabilities_are_the_same_as_without(classifier: Classifier, digits_folder: Path) -> None:
    files = sorted(digits_folder.rglob("*.png"))[:10]
    without = Classifier(classifier.model, classifier.model_card)
    for view in ("centre", "ten"):
        one, other = (each.predict(files, views=view) for each in (classifier, without))
        assert [answer.top for answer in one] == [answer.top for answer in other]


def test_a_copy_answers_the_same(classifier: Classifier, tmp_path: Path) -> None:
    classifier.save(tmp_path)
    noise = np.random.default_rng(1).integers(0, 256, (5, 28, 28, 3)).astype(np.uint8)
    assert load(tmp_path).predict(list(noise)) == classifier.predict(list(noise))


def test_a_run_of_an_earlier_version(classifier: Classifier, tmp_path: Path, digits_folder: Path) -> None:
    classifier.save(tmp_path)
    (tmp_path / FILE).unlink()
    (answer,) = load(tmp_path).predict(digits_folder / "3" / "0003.png")
    assert answer.unlike is None
    assert json.loads(json.dumps(answer.to_json()))["unlike"] is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("threshold", torch.tensor(float("nan")), "threshold is not 0-dimensional, or holds a number that is not finite"),
        ("references", torch.zeros(3), "references is not 2-dimensional"),
        ("basis", torch.zeros(3, 2), "do not fit together"),
        ("centre", None, "lacks centre"),
    ],
)
def test_a_damaged_file(classifier: Classifier, tmp_path: Path, name: str, value: Tensor | None, message: str) -> None:
    from alexnet.storage.tensors import read_tensors, write_tensors

    classifier.save(tmp_path)
    tensors, metadata = read_tensors(tmp_path / FILE)
    changed = {key: tensor for key, tensor in (tensors | {name: value}).items() if tensor is not None}
    write_tensors(tmp_path / FILE, changed, metadata)
    with pytest.raises(BadRun, match=message):
        load(tmp_path)
