"""A classifier as one ONNX model: uint8 squares in, probabilities out."""

import onnx
from onnx import TensorProto, helper

from alexnet.errors import BadModel
from alexnet.exports import traced  # noqa: F401  # its rows of `layer`: the networks of other libraries
from alexnet.exports.features import features_of
from alexnet.exports.graph import IR_VERSION, OPSET, Graph, Value
from alexnet.exports.machines import scores_of_machine
from alexnet.exports.networks import hidden_layer, scores_of_network
from alexnet.models.handcrafted.model import HandcraftedModel
from alexnet.models.image_model import ImageModel
from alexnet.models.linear_probe import LinearProbe
from alexnet.models.networks.model import NetworkModel

IMAGES, PROBABILITIES = "images", "probabilities"
BATCH = "N"  # the batch's dimension, which is open


def onnx_model(model: ImageModel) -> tuple[onnx.ModelProto, frozenset[str]]:
    """The model, and the names of the nodes that must not be computed in 8 bits.

    input "images": uint8 (N, 3, S, S), RGB, S the model's image size; output "probabilities": float32 (N, classes).
    Raises BadModel, with the reason, for a model that ONNX cannot express.
    """
    graph, side = Graph(), model.image_size
    scores = _scores(model, graph, Value(IMAGES, (3, side, side)))
    with graph:
        graph.node("Softmax", scores.name, name=PROBABILITIES, axis=1)
    takes = helper.make_tensor_value_info(IMAGES, TensorProto.UINT8, [BATCH, 3, side, side])
    returns = helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, [BATCH, model.classes])
    made = helper.make_graph(graph.nodes, "classifier", [takes], [returns], graph.constants)
    proto = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="alexnet")
    onnx.checker.check_model(proto)
    return proto, frozenset(graph.exact)


def _scores(model: ImageModel, graph: Graph, images: Value) -> Value:
    if isinstance(model, NetworkModel):
        return scores_of_network(model, graph, images)
    if isinstance(model, LinearProbe):
        return scores_of_machine(model.machine, graph, hidden_layer(model.model, graph, images))
    if isinstance(model, HandcraftedModel):
        return scores_of_machine(model.machine, graph, features_of(model.features, graph, images))
    raise BadModel(f"A model of the kind {type(model).__name__} cannot be exported to ONNX.")
