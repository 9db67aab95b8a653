"""Every row of the catalogue as an ONNX model: the same probabilities as in PyTorch, read by three runtimes that nobody here wrote."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx
import openvino
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alexnet.data.preprocess import Preprocess
from alexnet.errors import BadModel
from alexnet.exports.check import TOLERANCE
from alexnet.exports.onnx_model import IMAGES, onnx_model
from alexnet.exports.run_images import generated
from alexnet.exports.serialised import runner
from alexnet.inference.build import build_model
from alexnet.models.handcrafted.features import build_features, descriptions_of
from alexnet.models.handcrafted.kernel_maps import Chi2Map, NystroemMap
from alexnet.models.handcrafted.keypoints import SparseSIFT
from alexnet.models.handcrafted.model import HandcraftedModel
from alexnet.models.handcrafted.svm import KernelMachine, LinearMachine
from alexnet.models.handcrafted.systems import FeatureConfig
from alexnet.models.image_model import ImageModel
from alexnet.models.linear_probe import LinearProbe
from alexnet.models.networks.architecture import NetworkChoices
from alexnet.models.networks.efficientnet_lite import EfficientNetLite
from alexnet.models.networks.model import NetworkModel
from alexnet.models.registry import ARCHITECTURES

CLASSES = 7
Read = Callable[[bytes, NDArray[np.uint8]], NDArray[np.float32]]


def network(name: str, size: int, channels: int = 3, **choices: object) -> NetworkModel:
    """An untrained network with visible scores, and batch normalisation that is not the identity."""
    narrow = {"width": 0.1} if ARCHITECTURES[name].image_size > 100 else {}
    chosen = NetworkChoices(**{"initialisation": None if name == "convnet-small" else "he", **narrow, **choices})  # type: ignore[arg-type]
    preprocess = Preprocess(image_size=size, stored_size=size, fit="crop", mean=(120.0, 110.0, 90.0)[:channels], std=(50.0,) * channels)
    torch.manual_seed(0)
    model = build_model(name, chosen, CLASSES, channels, preprocess).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return model


def images_for(model: ImageModel, count: int = 5) -> Tensor:
    return generated(model.image_size, count).images


def probabilities(model: ImageModel, images: Tensor) -> NDArray[np.float32]:
    with torch.inference_mode():
        return torch.softmax(model(images), 1).numpy()


def content(model: ImageModel) -> bytes:
    return bytes(onnx_model(model)[0].SerializeToString())


def by_openvino(model: bytes, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.asarray(compiled(images)[0], np.float32)


def by_opencv(model: bytes, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    net = cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8))
    net.setInput(images, IMAGES)
    return np.asarray(net.forward(), np.float32)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network_answers_the_same_in_three_runtimes(name: str) -> None:
    model = network(name, min(96, ARCHITECTURES[name].image_size))
    images, made = images_for(model), content(model)
    expected = probabilities(model, images)
    assert np.ptp(expected) > 0.05  # not one number for everything
    readers: Sequence[Read] = (lambda made, images: runner(made)(images), by_openvino, by_opencv)
    for read in readers:
        assert np.abs(read(made, images.numpy()) - expected).max() < TOLERANCE


@pytest.mark.parametrize(
    ("name", "size", "choices"),
    [
        ("alexnet", 67, {}),  # the last window hangs over
        ("alexnet-owt", 127, {}),  # maps of 3 px pooled to a grid of 6, which overlap (trap 18)
        ("alexnet-cifar-26", 29, {}),  # pooling windows that hang over, of means
        ("alexnet-cifar", 32, {"norm_place": "before-activation"}),
        ("alexnet-cifar-26", 32, {"pooling": "max+average", "activation": "tanh"}),
        ("alexnet-cifar-26", 32, {"pooling": "strided-convolution", "dropout": 0.5}),
        ("lenet", 28, {"activation": "gelu", "pooling": "average"}),
        ("mlp", 20, {"fully_connected": 0}),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_other_sizes_and_choices(name: str, size: int, choices: dict[str, object], channels: int) -> None:
    model = network(name, size, channels, **choices)
    images = images_for(model)
    assert np.abs(runner(content(model))(images.numpy()) - probabilities(model, images)).max() < TOLERANCE


def test_the_batch_is_open() -> None:
    model = network("lenet", 28)
    run, images = runner(content(model)), images_for(model, 9)
    whole = run(images.numpy())
    assert [len(run(images[:count].numpy())) for count in (1, 9)] == [1, 9]
    np.testing.assert_allclose(np.concatenate([run(one[None].numpy()) for one in images]), whole, atol=1e-6)


def test_the_file_says_what_goes_in_and_out() -> None:
    made, _ = onnx_model(network("lenet", 28))
    (takes,), (returns,) = made.graph.input, made.graph.output
    assert (takes.name, returns.name) == ("images", "probabilities")
    assert takes.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [size.dim_param or size.dim_value for size in takes.type.tensor_type.shape.dim] == ["N", 3, 28, 28]
    assert {one.domain for one in made.opset_import} == {""}  # no operators of anybody's own


def system(features: FeatureConfig, size: int, machine: Callable[[int], nn.Module], *, words: int = 8) -> HandcraftedModel:
    """A hand-crafted system with random dictionaries."""
    torch.manual_seed(0)
    dictionaries = []
    if features.encoding == "fisher":
        for description in descriptions_of(features, size):
            k, c, d = 4, 5, description.dimensions
            spread = torch.rand(k, c) + 0.2
            weights = torch.softmax(torch.randn(k), 0)
            parts = {"projection": torch.randn(d, c), "offset": torch.randn(c) * 0.1, "means": torch.randn(k, c) * 0.3}
            dictionaries.append({**parts, "weights": weights, "variances": spread})
    elif features.encoding == "words":
        dictionaries = [{"vocabulary": torch.rand(words, d.dimensions) * 0.2} for d in descriptions_of(features, size)]
    elif features.is_pretrained:
        dictionaries = [EfficientNetLite(classes=0).state_dict()]
    dimensions = int(build_features(features, size, dictionaries).dimensions)  # type: ignore[arg-type]
    return HandcraftedModel(features, dictionaries, machine(dimensions), image_size=size, classes=CLASSES).eval()


def linear(dimensions: int) -> nn.Module:
    return LinearMachine(torch.randn(dimensions, CLASSES), torch.randn(CLASSES))


def chi2_map(dimensions: int) -> nn.Module:
    return LinearMachine(torch.randn(3 * dimensions, CLASSES), torch.randn(CLASSES), Chi2Map())


def nystroem(dimensions: int) -> nn.Module:
    return LinearMachine(
        torch.randn(6, CLASSES), torch.zeros(CLASSES), NystroemMap(torch.rand(6, dimensions), torch.randn(6, 6), kernel="rbf", gamma=0.05)
    )


def votes(kernel: str, sharpness: float) -> Callable[[int], nn.Module]:
    def machine(dimensions: int) -> nn.Module:
        seen = torch.tensor([0, 2, 3, 5, 6])  # classes 1 and 4 had no training images
        made = KernelMachine(
            torch.rand(9, dimensions),
            torch.randn(9, 10),
            torch.randn(10) * 0.1,
            seen,
            torch.tensor(1.5),
            kernel=kernel,
            gamma=0.1,
            classes=CLASSES,
        )
        made.sharpness = sharpness
        return made

    return machine


FISHER = FeatureConfig(encoding="fisher", bins="3,4", smoothing=1.0, cells="1x1,2x2", colour=True, mirror=True)
WORDS = FeatureConfig(encoding="words", bins="3,4", cells="1x1,2x2")
PIXELS, HOG = FeatureConfig(descriptor="pixels"), FeatureConfig(descriptor="hog", cell=5)


@pytest.mark.parametrize(
    ("features", "size", "machine"),
    [
        (PIXELS, 9, linear),
        (HOG, 23, nystroem),
        (HOG, 23, votes("rbf", 0.0)),
        (HOG, 23, votes("linear", 2.0)),
        (HOG, 23, votes("chi2", 2.0)),
        (HOG, 23, votes("intersection", 2.0)),
        (WORDS, 24, chi2_map),
        (FISHER, 24, linear),
        (FeatureConfig(descriptor="efficientnet-lite0"), 45, linear),  # sides that "same" pads unevenly
        (FeatureConfig(descriptor="efficientnet-lite0", root=True), 32, linear),
    ],
)
def test_every_system_of_tensor_operations(features: FeatureConfig, size: int, machine: Callable[[int], nn.Module]) -> None:
    model = system(features, size, machine)
    images = images_for(model, 6)
    made, expected = content(model), probabilities(model, images)
    assert np.ptp(expected) > 0.03
    assert np.abs(runner(made)(images.numpy()) - expected).max() < TOLERANCE


@pytest.mark.parametrize("features", [PIXELS, HOG, FISHER])
def test_openvino_reads_hand_crafted_systems(features: FeatureConfig) -> None:
    model = system(features, 24, linear)
    images = images_for(model, 3)
    assert np.abs(by_openvino(content(model), images.numpy()) - probabilities(model, images)).max() < TOLERANCE


def test_a_linear_probe() -> None:
    body = network("lenet", 28)
    model = LinearProbe(body, linear(84)).eval()
    images = images_for(model)
    assert np.abs(runner(content(model))(images.numpy()) - probabilities(model, images)).max() < TOLERANCE


def test_interest_points_say_why_not() -> None:
    pytest.importorskip("cv2")
    config = FeatureConfig(descriptor="sparse-sift", encoding="words")
    model = HandcraftedModel(config, [{"vocabulary": torch.rand(4, SparseSIFT.dimensions)}], linear(4), image_size=32, classes=CLASSES)
    with pytest.raises(BadModel, match=r"interest points, which a library finds one by one .* Export a system on a grid: fisher-svm"):
        onnx_model(model)


def test_an_unknown_layer_is_named(tmp_path: Path) -> None:
    model = network("lenet", 28)
    model.network.features[0] = nn.Softplus()
    with pytest.raises(BadModel, match="A layer of the kind Softplus cannot be exported to ONNX"):
        onnx_model(model)
