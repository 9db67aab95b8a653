"""Pixels straight into the first convolution: the same function but for rounding, and no float before the scores."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from tests.exports.test_onnx_model import images_for, network

from alexnet.exports.int8 import in_whole_numbers
from alexnet.exports.onnx_model import onnx_model
from alexnet.exports.serialised import runner
from alexnet.exports.whole_pixels import PIXELS, on_pixels
from alexnet.inference.onnx_runtimes import exact_options


def numbers(model: onnx.ModelProto, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return runner(model.SerializeToString())(images)


@pytest.mark.parametrize(
    ("name", "size"), [("alexnet-owt", 96), ("alexnet", 96), ("alexnet-cifar", 32), ("convnet-small", 32), ("efficientnet-lite0", 32)]
)
def test_the_folded_model_is_the_same_function(name: str, size: int) -> None:
    """Also at the border: its margin is the mean of each channel, three different whole numbers here."""
    model = network(name, size)
    exported = onnx_model(model)[0]
    folded, images = on_pixels(exported), images_for(model).numpy()
    assert folded is not None
    onnx.checker.check_model(folded)
    np.testing.assert_allclose(numbers(folded, images), numbers(exported, images), atol=2e-5)


def test_a_gray_network_keeps_its_own_beginning() -> None:
    """Its colours are mixed before the normalisation."""
    assert on_pixels(onnx_model(network("lenet", 28, channels=1))[0]) is None


def test_alexnet_owt_is_in_whole_numbers_up_to_its_scores() -> None:
    model = network("alexnet-owt", 224)
    exported, exact = onnx_model(model)
    images = images_for(model, 16).numpy()
    small = in_whole_numbers(exported, exact, [images])
    nodes = {node.op_type for node in small.graph.node}
    assert not nodes & {"Cast", "Sub", "Mul"}
    assert not any(PIXELS in [*node.input, *node.output] for node in small.graph.node)
    kinds = {one.name: one.data_type for one in small.graph.initializer}
    zeros = {kinds[node.input[2]] for node in small.graph.node if node.op_type == "QuantizeLinear"}
    assert zeros == {onnx.TensorProto.UINT8}, "signed ones make OpenVINO compute in floats"
    before, after = numbers(exported, images), numbers(small, images)
    assert np.abs(before - after).max() < 0.05
    assert (before.argmax(1) == after.argmax(1)).mean() >= 0.9


def test_onnxruntime_computes_every_layer_of_it_in_8_bits(tmp_path: Path) -> None:
    """As its own optimised graph says: no convolution, product or pooling is left in floats."""
    model = network("alexnet-owt", 224)
    exported, exact = onnx_model(model)
    content = in_whole_numbers(exported, exact, [images_for(model, 16).numpy()]).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = f"{tmp_path}/optimised.onnx"
    options.log_severity_level = 4
    onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    found = [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node]
    assert not set(found) & {"Conv", "FusedConv", "Gemm", "MatMul", "MaxPool", "QuantizeLinear"}
    assert found.count("QLinearConv") == 5
    assert found.count("QGemm") == 3
    assert found.count("DequantizeLinear") == 1, "before the softmax"


def test_sums_of_large_products_do_not_overflow() -> None:
    """Pairs of the largest pixels and weights do not fit into 16 bits, in which x86 CPUs without 8-bit dot products add them by default."""
    weights = np.where(np.arange(10) % 2, 1, -1).astype(np.float32) * np.ones((48, 1), np.float32)
    nodes = [
        onnx.helper.make_node("Cast", ["images"], ["pixels"], "pixels", to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("Flatten", ["pixels"], ["rows"], "rows"),
        onnx.helper.make_node("MatMul", ["rows", "weights"], ["probabilities"], "probabilities"),
    ]
    takes = onnx.helper.make_tensor_value_info("images", onnx.TensorProto.UINT8, ["N", 3, 4, 4])
    returns = onnx.helper.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, ["N", 10])
    graph = onnx.helper.make_graph(nodes, "sums", [takes], [returns], [onnx.numpy_helper.from_array(weights, "weights")])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    images = np.full((4, 3, 4, 4), 255, np.uint8)
    small = in_whole_numbers(model, frozenset(), [images, np.zeros_like(images)])
    assert any(node.op_type == "QuantizeLinear" for node in small.graph.node)
    np.testing.assert_allclose(numbers(small, images), images.reshape(4, 48).astype(np.float32) @ weights, rtol=0.02)


def test_every_session_asks_for_exact_sums() -> None:
    """On a CPU with 8-bit dot products the test above cannot fail."""
    assert exact_options().get_session_config_entry("session.x64quantprecision") == "1"
