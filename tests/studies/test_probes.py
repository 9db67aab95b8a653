"""Linear machines on layers, against scikit-learn's on the same numbers."""

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC
from tests.training.tiny import TINY

from alexnet.data.curation.splits import Splits
from alexnet.data.named.registry import NAMED
from alexnet.data.pipeline.augment import centre_crop
from alexnet.data.pipeline.image_store import ImageStore, open_images
from alexnet.models.networks.model import NetworkModel, Normalise
from alexnet.models.networks.network import Network
from alexnet.models.networks.stages import stages
from alexnet.studies.probes import probe_layers, samples_of
from alexnet.training.layer_probes import DIMENSIONS, MOST_JUDGED, MOST_TRAINING, MOST_VALIDATION, pooled, rows_of, scale_of

CPU = torch.device("cpu")
SPLITS = Splits(train=tuple(range(900)), validation=tuple(range(900, 1_100)), test=tuple(range(1_100, 1_700)))


@pytest.fixture(scope="module")
def store() -> ImageStore:
    return open_images(NAMED["digits"](), 8, "squash", workers=0)


def network() -> NetworkModel:
    torch.manual_seed(0)
    return NetworkModel(Network(TINY, classes=10, channels=1, image_size=8), Normalise((80.0,), (90.0,))).eval()


def test_each_layer_has_the_error_of_a_linear_machine_on_it(store: ImageStore) -> None:
    model = network()
    found = probe_layers(model, store, SPLITS, seed=0, device=CPU)
    assert list(found.errors) == ["conv1", "fc2"]
    assert found.errors["fc2"] == pytest.approx(np.mean(found.wrong))
    assert len(found.wrong) == 600
    for name, error in found.errors.items():
        assert error == pytest.approx(by_scikit_learn(model, store, name), abs=0.03)
    assert found.errors["conv1"] < 0.15 < found.errors["fc2"]  # 16 random units hold less than 72 values of random filters


def by_scikit_learn(model: NetworkModel, store: ImageStore, name: str) -> float:
    """The error of its linear SVM on the same layer and images, at the best of three values of C."""
    rows = {}
    for part in ("train", "test"):
        indices = getattr(SPLITS, part)
        with torch.inference_mode():
            outputs = dict(stages(model, centre_crop(next(store.stream([indices])), 8)))
            rows[part] = pooled(outputs[name]).numpy(), store.labels_of(indices)
    scale = np.abs(rows["train"][0]).max()
    errors = []
    for strength in (0.1, 1.0, 10.0):
        machine = LinearSVC(C=strength, max_iter=20_000, dual=True).fit(rows["train"][0] / scale, rows["train"][1])
        errors.append(1 - machine.score(rows["test"][0] / scale, rows["test"][1]))
    return float(min(errors))


def test_the_images_that_choose_do_not_judge() -> None:
    whole = Splits(train=tuple(range(5_000)), validation=tuple(range(5_000, 7_000)), test=tuple(range(7_000, 10_000)))
    fitted, chooses, judges = samples_of(whole)
    assert (len(fitted), len(chooses), len(judges)) == (1_250, MOST_VALIDATION, MOST_JUDGED)
    assert len(fitted) <= MOST_TRAINING
    assert set(judges) <= set(whole.test)
    _, chooses, judges = samples_of(Splits(train=(0, 1), validation=(2, 3, 4, 5), test=()))
    assert (chooses, judges) == ((2, 4), (3, 5))


def test_maps_become_at_most_so_many_numbers_on_one_scale() -> None:
    maps = torch.randn(3, 96, 13, 13, generator=torch.Generator().manual_seed(0))
    rows = pooled(maps)
    assert rows.shape == (3, 96 * 9)
    assert rows.shape[1] <= DIMENSIONS
    assert pooled(torch.ones(3, 4096)).shape == (3, 4096)
    training = torch.tensor([[2.0, -4.0]])
    assert scale_of(training) == 4.0
    assert rows_of(torch.tensor([[8.0, 1.0]]), 4.0).tolist() == [[2.0, 0.25]]  # brighter than any training image
    assert scale_of(torch.zeros(1, 2)) > 0  # a layer that is silent
