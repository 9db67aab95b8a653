"""The drawings of the lecture's page, by name. To add one, add a function and a row."""

from alexnet.studies.report.lecture import control_drawings, function_drawings, measured_drawings, network_drawings, published_drawings
from alexnet.studies.report.lecture.drawing import Draw

DRAWINGS: dict[str, Draw] = {
    "kernel-matrix": function_drawings.kernel_matrix,
    "slopes": function_drawings.slopes,
    "response-norm": function_drawings.response_norm,
    "crops": function_drawings.crops,
    "dropout-units": function_drawings.dropout_units,
    "reach": function_drawings.reach,
    "pooling-windows": measured_drawings.pooling_windows,
    "neighbours": measured_drawings.neighbours,
    "shapes": network_drawings.shapes,
    "parameters-by-layer": network_drawings.parameters_by_layer,
    "macs-by-layer": network_drawings.macs_by_layer,
    "shares": network_drawings.shares,
    "memory": network_drawings.memory,
    "receptive-fields": network_drawings.receptive_fields,
    "layer-counts": network_drawings.layer_counts,
    "data-sets": published_drawings.data_sets,
    "winners": published_drawings.winners,
    "program-runs": published_drawings.program_runs,
    "decades": published_drawings.decades,
    "systems": published_drawings.systems,
    "colour-controls": control_drawings.colour_controls,
    "known-causes": published_drawings.known_causes,
}
