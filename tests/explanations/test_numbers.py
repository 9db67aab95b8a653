"""The numbers of an explanation against references: closed forms, other libraries, images whose answer is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from alexnet.data.preprocess import Preprocess
from alexnet.errors import BadModel
from alexnet.explanations.attribution import METHODS, log_odds, path_gradients
from alexnet.explanations.neighbourhood import NearestRows, others
from alexnet.explanations.parts.concepts import CONCEPTS, concept_maps, correlations
from alexnet.explanations.parts.filters import colour_share, dead, orientation_selectivity, specialisation
from alexnet.explanations.stages import receptive_fields
from alexnet.explanations.suspects import RIDGE, leave_one_out, suspicion
from alexnet.inference.build import build_model
from alexnet.inference.classifier import Classifier, load
from alexnet.models.networks.architecture import NetworkChoices
from alexnet.models.networks.model import NetworkModel
from alexnet.models.networks.stages import stage_names, stages
from alexnet.models.registry import ARCHITECTURES


def network(name: str, size: int, **choices: object) -> NetworkModel:
    torch.manual_seed(0)
    preprocess = Preprocess(image_size=size, stored_size=size, fit="squash", mean=(120.0,) * 3, std=(60.0,) * 3)
    return build_model(name, NetworkChoices(**choices), 4, 3, preprocess).eval()  # type: ignore[arg-type]


def noise(count: int, size: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (count, 3, size, size), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


SIZES = {name: min(one.image_size, 96) for name, one in ARCHITECTURES.items()}


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_the_stages_of_every_network_end_in_its_hidden_layer(name: str) -> None:
    model = network(name, SIZES[name], width=0.25)
    with torch.inference_mode():
        found = list(stages(model, noise(2, SIZES[name])))
        hidden = model.hidden(noise(2, SIZES[name]))
        torch.testing.assert_close(model.scores_of(hidden), model(noise(2, SIZES[name])))
    assert [stage for stage, _ in found] == stage_names(model.network)
    last = found[-1][1]
    if last.dim() == 4:
        last = model.network.avgpool(last).flatten(1)
    torch.testing.assert_close(last, hidden)


@pytest.mark.parametrize("name", ["alexnet", "lenet", "alexnet-cifar", "alexnet-owt", "convnet-small", "efficientnet-lite0"])
def test_a_receptive_field_holds_all_that_a_position_depends_on(name: str) -> None:
    """By gradients of one position in the middle: none outside of the field, some at its borders."""
    size = SIZES[name]
    model = network(name, size, norm="none") if ARCHITECTURES[name].norm != "none" else network(name, size)
    fields = receptive_fields(model.network)
    for stage, field in fields.items():
        pixels = noise(1, size).float().requires_grad_(True)
        values = dict(stages(model, pixels))[stage]
        middle = values.shape[-1] // 2
        (gradient,) = torch.autograd.grad(values[0, :, middle, middle].square().sum(), pixels)
        top, left, bottom, right = field.box(middle, middle, size)
        rows, columns = torch.nonzero(gradient[0].abs().sum(0), as_tuple=True)
        if not len(rows):
            continue  # all of its channels are 0 here
        assert int(rows.min()) >= top, stage
        assert int(columns.min()) >= left, stage
        assert int(rows.max()) < bottom, stage
        assert int(columns.max()) < right, stage


def test_alexnets_published_receptive_fields() -> None:
    """195 px for pool5 of the 2012 network is arithmetic that many have done: conv1 11, pool1 19, conv2 51, conv5 163, pool5 195."""
    fields = receptive_fields(network("alexnet", 224, width=0.1).network)
    assert [fields[name].side for name in ("conv1", "conv2", "conv3", "conv4", "conv5")] == [19, 67, 99, 131, 195]
    assert [fields[name].step for name in ("conv1", "conv2", "conv3", "conv4", "conv5")] == [8, 16, 16, 16, 32]


def gratings(angles: list[float], colour: tuple[float, float, float] = (1, 1, 1), size: int = 11) -> Tensor:
    rows, columns = torch.meshgrid(*[torch.arange(size) - size // 2] * 2, indexing="ij")
    waves = [torch.cos(1.6 * (columns * np.cos(angle) + rows * np.sin(angle))) for angle in angles]
    window = torch.exp(-(rows.float() ** 2 + columns.float() ** 2) / 12)
    return torch.stack([torch.stack([part * wave * window for part in colour]) for wave in waves])


def test_selectivities_of_known_filters() -> None:
    edges = gratings([0.0, 0.4, 0.8, 1.2, 1.57])
    blob = gratings([0.0]) * 0 + torch.exp(-((torch.arange(11.0) - 5) ** 2) / 6).outer(torch.exp(-((torch.arange(11.0) - 5) ** 2) / 6))
    assert float(orientation_selectivity(edges).min()) > 0.8
    assert float(orientation_selectivity(edges).std()) < 0.03  # no orientation is preferred by the measure itself
    assert float(orientation_selectivity(blob).max()) < 0.1
    assert float(colour_share(edges).max()) < 1e-6
    assert float(colour_share(gratings([0.0], (1, -1, 0))).min()) == pytest.approx(1, abs=1e-6)
    random = torch.randn(2000, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    assert float(colour_share(random).mean()) == pytest.approx(2 / 3, abs=0.01)
    assert dead(torch.cat([edges, edges[:1] * 1e-3])).tolist() == [False] * 5 + [True]


def test_towers_that_differ_and_towers_that_do_not() -> None:
    random = np.random.default_rng(0)
    apart = np.concatenate([random.uniform(0, 0.3, 48), random.uniform(0.5, 0.9, 48)])
    assert specialisation(apart, 2)["p"] < 1e-3
    assert specialisation(random.permutation(apart), 2)["p"] > 0.05


def classes_of_rows(count: int = 120, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    rows = random.normal(0, 1, (3, 40))[labels] + 0.7 * random.normal(0, 1, (count, 40))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels.astype(np.int64)


@pytest.mark.parametrize("count", [120, 30])  # more images than dimensions, and fewer
def test_leaving_one_out_is_fitting_without_it(count: int) -> None:
    rows, labels = classes_of_rows(count)
    found = leave_one_out(rows, labels, 3)
    centred = rows.astype(np.float64) - rows.mean(0)
    _, lengths, _ = np.linalg.svd(centred, full_matrices=False)
    ridge = RIDGE * (lengths[lengths > 1e-5 * lengths.max()] ** 2).mean()
    for left in (0, 7, 25):
        others_ = np.arange(len(rows)) != left
        x, y = rows[others_].astype(np.float64), np.eye(3)[labels[others_]]
        middle = centred[others_].mean(0) + rows.mean(0)
        weights = np.linalg.solve((x - middle).T @ (x - middle) + ridge * np.eye(40), (x - middle).T @ (y - y.mean(0)))
        np.testing.assert_allclose(found[left], (rows[left] - middle) @ weights + y.mean(0), atol=1e-6)


def test_wrong_labels_are_suspect() -> None:
    rows, labels = classes_of_rows(300)
    wrong = np.arange(0, 300, 20)
    changed = labels.copy()
    changed[wrong] = (labels[wrong] + 1) % 3
    _, near = others(*NearestRows(rows).nearest(rows, 11), np.arange(300))
    found = suspicion(rows, changed, near, 3)
    worst = np.argsort(-found.score)[: len(wrong)]
    assert len(set(worst) & set(wrong)) >= 0.9 * len(wrong)
    assert (found.other[wrong] == labels[wrong]).mean() > 0.9
    assert set(np.flatnonzero(found.suspect)) <= set(wrong)


def test_both_libraries_find_the_same_neighbours() -> None:
    rows, _ = classes_of_rows(200)
    (near, numbers), (near_faiss, numbers_faiss) = (NearestRows(rows, library=name).nearest(rows[:50], 6) for name in ("sklearn", "faiss"))
    np.testing.assert_array_equal(numbers, numbers_faiss)
    np.testing.assert_allclose(near, near_faiss, atol=1e-5)


def test_a_row_is_not_its_own_neighbour() -> None:
    rows = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)  # equal rows, among which the order is the library's
    _, near = others(*NearestRows(rows).nearest(rows, 4), np.arange(12))
    assert near.shape == (12, 3)
    assert not (near == np.arange(12)[:, None]).any()


def test_concepts_of_known_images() -> None:
    size = 32
    ramp = torch.arange(size).float() / size
    stripes = ((torch.arange(size) // 4) % 2 * 255).to(torch.uint8)
    horizontal = stripes[:, None].expand(size, size).expand(3, -1, -1)
    vertical = horizontal.transpose(1, 2)
    red = torch.zeros(3, size, size, dtype=torch.uint8)
    red[0] = (255 * ramp).to(torch.uint8)
    maps = concept_maps(torch.stack([horizontal, vertical, red]))
    mean = {name: maps[:, number].mean((1, 2)) for number, name in enumerate(CONCEPTS)}
    assert mean["edge-0"][0] > 5 * mean["edge-90"][0]
    assert mean["edge-90"][1] > 5 * mean["edge-0"][1]
    assert mean["red-green"][2] > 0.3
    assert abs(float(mean["red-green"][0])) < 1e-6
    assert mean["texture"][0] > 5 * mean["texture"][2]


def test_correlations_are_numpys() -> None:
    random = torch.Generator().manual_seed(0)
    values, maps = torch.randn(20, 5, 3, 3, generator=random), torch.randn(20, 4, 3, 3, generator=random)
    rows = [one.transpose(0, 1).flatten(1).double().numpy() for one in (values, maps)]
    np.testing.assert_allclose(correlations(values, maps).numpy(), np.abs(np.corrcoef(np.concatenate(rows))[:5, 5:]), atol=1e-6)


@pytest.fixture(scope="module")
def classifier(digits_run: Path) -> Classifier:
    return load(digits_run, device="cpu")


def test_integrated_gradients_are_complete(classifier: Classifier) -> None:
    """They sum to the change of the log odds from the plain image to this one."""
    seen = noise(1, 28)[0]
    found, error = path_gradients(classifier, seen, 3)
    plain = seen.float().mean((1, 2), keepdim=True).expand_as(seen)
    with torch.inference_mode():
        change = log_odds(classifier.model(seen[None].float()), 3) - log_odds(classifier.model(plain[None]), 3)
    assert float(found.sum()) == pytest.approx(float(change[0]), abs=error + 1e-3)
    assert error < 0.05 * abs(float(change[0])) + 0.05


def test_log_odds_are_those_of_the_probability() -> None:
    scores = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    p = scores.softmax(1)[:, 2]
    torch.testing.assert_close(log_odds(scores, 2), (p / (1 - p)).log())


def test_what_grad_cam_cannot_do(classifier: Classifier) -> None:
    for name, reason in (("alexnet-cifar", "local layers"), ("mlp", "needs a convolution")):
        size = SIZES[name]
        other = Classifier(network(name, size), classifier.model_card, device="cpu")
        (cam,) = [method for method in METHODS if method.name == "cam"]
        with pytest.raises(BadModel, match=reason):
            cam.attribute(other, noise(1, size)[0], 0)
