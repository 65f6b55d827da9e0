"""Write the trained trees as ONNX with one named input per feature."""

import onnx
from onnx import TensorProto, helper
from skl2onnx import to_onnx as convert
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import HistGradientBoostingRegressor

OPSET = {"": 18, "ai.onnx.ml": 3}


def to_onnx(model: HistGradientBoostingRegressor, features: list[str], target: str) -> onnx.ModelProto:
    """Inputs: one FP32 tensor [-1, 1] per feature, named like its column. Output: the target, FP32 [-1, 1], never below 0.

    The trees expect the features and an age side by side and answer log(1 + count); both are settled inside the graph.
    """
    width = len(features) + 1
    trees = convert(model, initial_types=[("row", FloatTensorType([None, width]))], target_opset=OPSET)
    answer = trees.graph.output[0].name

    before = [
        helper.make_node("Shape", [features[0]], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["age"]),
        helper.make_node("Concat", [*features, "age"], ["row"], axis=1),
    ]
    after = [
        helper.make_node("Exp", [answer], ["one_more"]),
        helper.make_node("Sub", ["one_more", "one"], ["count"]),
        helper.make_node("Relu", ["count"], [target]),
    ]
    column = [None, 1]
    graph = helper.make_graph(
        [*before, *trees.graph.node, *after],
        "bikes",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, column) for name in features],
        [helper.make_tensor_value_info(target, TensorProto.FLOAT, column)],
        [*trees.graph.initializer, helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])],
    )
    exported = helper.make_model(graph, opset_imports=trees.opset_import, ir_version=trees.ir_version)
    onnx.checker.check_model(exported, full_check=True)
    return exported
