"""Deep Compression: what is removed, how values are shared, and that the file answers as well as the run."""

import csv
import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from torch import nn

import alexnet
from alexnet.cli import main
from alexnet.errors import AlexNetError, BadModel, BudgetTooSmall, CannotWrite
from alexnet.exports.compressed_target import write_compressed
from alexnet.exports.compression.pruning import Pruning, largest, last_within, prunable_shares, weights_of
from alexnet.exports.compression.sharing import k_means, shared
from alexnet.exports.export import export
from alexnet.exports.request import Job
from alexnet.inference.classifier import load
from alexnet.inference.compressed_file import read_compressed
from alexnet.models.networks.model import NetworkModel
from alexnet.runs.train import train


@given(st.lists(st.floats(-9, 9, width=32), min_size=1, max_size=50), st.floats(0.01, 1))
def test_the_largest_weights_stay(weights: list[float], share: float) -> None:
    tensor = torch.tensor(weights)
    kept = largest(tensor, share)
    assert kept.sum() == max(1, round(share * len(weights)))
    assert tensor[kept].abs().min() >= (tensor[~kept].abs().max() if (~kept).any() else 0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0, 1))
def test_the_cheapest_place_within_the_tolerance(steps: list[float], tolerance: float) -> None:
    rises = np.cumsum([0.0, *steps])
    found = last_within(len(rises), lambda place: float(rises[place]), tolerance)
    assert found == int(np.flatnonzero(rises <= tolerance)[-1])


def test_k_means_is_scikit_learns_from_the_same_start() -> None:
    weights = np.random.default_rng(1).normal(size=3_000).astype(np.float32)
    numbers, values = k_means(weights, 12)
    start = np.linspace(weights.min(), weights.max(), 12)[:, None]
    other = KMeans(12, init=start, n_init=1, max_iter=100, tol=0).fit(weights[:, None])
    ours = float(((weights - values[numbers]) ** 2).sum())
    assert ours == pytest.approx(other.inertia_, rel=1e-4)
    assert (np.diff(values) > 0).all()


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=80), st.integers(1, 256))
def test_every_weight_has_its_nearest_value(weights: list[float], count: int) -> None:
    numbers, values = k_means(np.array(weights, np.float32), count)
    assert len(values) <= min(count, len(set(weights)))
    assert sorted(set(numbers.tolist())) == list(range(len(values)))  # none without weights
    distances = np.abs(np.array(weights)[:, None] - values[None].astype(np.float64))
    assert (distances[np.arange(len(weights)), numbers] <= distances.min(1) + 1e-3).all()


def test_a_step_moves_shared_values_together() -> None:
    """Against the gradient that PyTorch itself computes for the values, divided by how many weights share each."""
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(6, 7))
    layer = shared(weight, torch.rand(6, 7) > 0.4, 4)
    layer.write()
    values = torch.tensor(layer.values, requires_grad=True)
    places, numbers = torch.from_numpy(layer.positions), torch.from_numpy(layer.numbers).long()
    target = torch.randn(6, 7)
    dense = torch.zeros(42).index_put((places,), values[numbers]).view(6, 7)
    ((dense - target) ** 2).sum().backward()
    ((weight - target) ** 2).sum().backward()
    assert weight.grad is not None
    assert values.grad is not None
    expected = values.detach() - 0.1 * values.grad / torch.bincount(numbers, minlength=len(values))
    with torch.no_grad():
        weight.sub_(0.1 * weight.grad)
    layer.project()
    np.testing.assert_allclose(layer.values, expected.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(weight.detach().numpy(), layer.packable().dense())


def test_layers_that_matter_less_are_pruned_more() -> None:
    """Two layers, of which one scores in a single weight and the other in all of them."""
    torch.manual_seed(0)
    lower = nn.Linear(40, 40, bias=False)
    network = nn.Sequential(lower, nn.Linear(40, 40, bias=False))
    with torch.no_grad():
        lower.weight.zero_()[0, 0] = 5.0
    pruning = Pruning.of(weights_of(network))
    before = {name: weight.detach().clone() for name, weight in pruning.weights.items()}
    inputs = torch.randn(100, 40)

    def loss() -> float:
        with torch.no_grad():
            moved = [(network[place](inputs) - inputs @ before[f"{place}.weight"].T).pow(2).mean() for place in (0, 1)]
        return float(sum(moved))

    shares = prunable_shares(pruning, loss, 0.01)
    assert shares["0.weight"] < 0.01
    assert shares["1.weight"] > 0.3
    assert all(torch.equal(weight, before[name]) for name, weight in pruning.weights.items())  # only looked at
    assert pruning.pruned(shares).survivors < 0.7 * pruning.survivors


def test_mistakes(digits_run: Path, digits_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AlexNetError, match="leave out --to, --int8 and --runtime"):
        export(digits_run, compress=True, to="onnx")
    with pytest.raises(AlexNetError, match="leave out --to"):
        export(digits_run, compress=True, int8=True)
    with pytest.raises(BudgetTooSmall, match="Use --budget 5s or more"):
        export(digits_run, compress=True, budget="2s")
    with pytest.raises(AlexNetError, match="--budget is for --compress"):
        export(digits_run, budget="2m")
    with pytest.raises(CannotWrite, match=r"pass a name that ends in \.alexnet"):
        export(digits_run, compress=True, out=tmp_path / "x.onnx")
    model = tmp_path / "copied"
    shutil.copytree(digits_run / "model", model)
    with pytest.raises(AlexNetError, match=r"--compress needs the run.s training and validation pictures: The folder holds"):
        export(model, compress=True)
    train(digits_folder, model="raw-svm", out=tmp_path / "raw")
    assert main(["export", str(tmp_path / "raw"), "--compress"]) == 2
    assert "raw-svm is no network; --compress prunes networks" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_run_becomes_a_small_file(digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "digits.alexnet"
    assert main(["export", str(digits_run), "--compress", "--budget", "12s", "--max-loss", "10", "--out", str(out), "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["file"], done["to"], done["bytes"]) == (str(out), "compressed", out.stat().st_size)
    steps = done["compression"]["steps"]
    assert [step["step"] for step in steps] == ["trained", "pruned", "shared", "coded"]
    assert [step["bytes"] for step in steps] == sorted((step["bytes"] for step in steps), reverse=True)
    assert steps[-1]["bytes"] == done["bytes"]
    assert steps[-1]["times"] > 8
    assert done["accuracy_after"] == steps[-1]["accuracy"] >= done["accuracy_before"] - 0.1
    test = done["compression"]["test"]
    assert test["interval"][0] <= test["accuracy_before"] - test["accuracy_after"] <= test["interval"][1]
    with (tmp_path / "digits.alexnet.csv").open() as table:
        assert [row["step"] for row in csv.DictReader(table)] == ["trained", "pruned", "shared", "coded"]
    _is_the_model_that_was_scored(digits_run, out, test["accuracy_after"])


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("model", ["torchvision:squeezenet1_1", "torchvision:mobilenet_v3_small"])
def test_a_network_of_another_library(model: str, digits_folder: Path, tmp_path: Path) -> None:
    """The second has batch normalisation, whose statistics and counters are stored as they are."""
    small = {"training.batch_size": 64, "training.precision": "fp32", "preprocess.stored_size": 36, "augment.scale": 0.8}
    run, out = tmp_path / "run", tmp_path / "run.alexnet"
    train(digits_folder, model=model, weights="none", image_size=32, epochs=1, baseline=False, workers=0, overrides=small, out=run)
    done = export(run, compress=True, budget="15s", max_loss=100, out=out)
    assert done.compression is not None
    assert done.compression.test is not None
    assert [step.step for step in done.compression.steps] == ["trained", "pruned", "shared", "coded"]
    assert done.compression.steps[-1].times > 8
    before, after = load(run, device="cpu").model.learned(), read_compressed(out).tensors
    assert {name: tensor.shape for name, tensor in before.items()} == {name: tensor.shape for name, tensor in after.items()}
    assert {tensor.dtype for tensor in after.values()} <= {torch.float32, torch.int64}
    _is_the_model_that_was_scored(run, out, done.compression.test.accuracy_after)


def _is_the_model_that_was_scored(run: Path, out: Path, accuracy: float) -> None:
    """The file's own answers on the run's test images have the accuracy that was printed."""
    names = json.loads((run / "splits.json").read_text())["test"]
    dataset = alexnet.open_dataset(_data_of(run))
    files = {item.name: index for index, item in enumerate(dataset.items)}
    classifier = load(out)
    assert isinstance(classifier.model, NetworkModel)
    images = torch.stack([dataset.fitted(files[name], classifier.model_card.preprocess.stored_size, "crop")[0] for name in names])
    best = classifier.probabilities(images).argmax(1).tolist()
    right = [dataset.classes[dataset.items[files[name]].label] == classifier.classes[one] for name, one in zip(names, best, strict=True)]
    assert np.mean(right) == pytest.approx(accuracy)
    assert read_compressed(out).record["test"]["accuracy_after"] == accuracy


def _data_of(run: Path) -> str:
    return str(tomllib.loads((run / "recipe.toml").read_text())["data"])


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_it_is_refused_if_it_loses_too_much(digits_run: Path, tmp_path: Path) -> None:
    """A network whose last layers were scrambled before it is compressed: the run is better than anything that comes of it."""
    job = Job(path=digits_run, classifier=load(digits_run, device="cpu"), max_loss=0.0)
    with torch.no_grad():
        for name, weight in job.classifier.network.named_parameters():
            if name.startswith("classifier"):
                weight.copy_(weight.flatten()[torch.randperm(weight.numel())].view(weight.shape))
    with pytest.raises(BadModel, match=r"compressed model loses .* points \(95%: .* allowed by --max-loss\. It is not kept"):
        write_compressed(job, tmp_path / "bad.alexnet", 5.0)
    assert not list(tmp_path.iterdir())
