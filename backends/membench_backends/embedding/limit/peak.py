"""What the cores can multiply: the ceiling of every embedding rate."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import onnxruntime
from onnx import ModelProto, TensorProto, helper, numpy_helper

SIDE = 1024
"""Rows and columns of the matrices: enough work for a kernel, few enough to stay in a core's cache."""
WINDOW_S = 0.2
WINDOWS = 7
_FLOP = 2 * SIDE**3


def peak_gflop_per_s(precision: Literal["fp32", "int8"], cores: int) -> float:
    """The best rate of a matrix product over some short windows, a thread and a session on each core.

    The product is ONNX Runtime's own, so what is measured is the kernel that the model runs on: MatMul for fp32,
    MatMulInteger of unsigned by signed bytes for int8.

    Returns:
        10^9 operations a second, all cores together; a multiply-add is two operations.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    product = _product(precision).SerializeToString()
    session = onnxruntime.InferenceSession(product, options, providers=["CPUExecutionProvider"])
    kind = np.float32 if precision == "fp32" else np.uint8
    given = {"a": np.random.default_rng(1).integers(0, 127, (SIDE, SIDE)).astype(kind)}
    with ThreadPoolExecutor(cores) as pool:
        return max(_window(pool, session, given, cores) for _ in range(WINDOWS))


def _window(pool: ThreadPoolExecutor, session: Any, given: dict[str, Any], cores: int) -> float:
    return sum(pool.map(lambda _: _rate(session, given), range(cores)))


def _rate(session: Any, given: dict[str, Any]) -> float:
    begin = time.perf_counter()
    products = 0
    while (taken := time.perf_counter() - begin) < WINDOW_S:
        session.run(None, given)
        products += 1
    return products * _FLOP / taken / 1e9


def _product(precision: Literal["fp32", "int8"]) -> ModelProto:
    """A graph of one product, its second matrix constant, as a model's weights are."""
    weights = np.random.default_rng(2).integers(-127, 127, (SIDE, SIDE))
    if precision == "fp32":
        node, given, made, constant = "MatMul", TensorProto.FLOAT, TensorProto.FLOAT, weights.astype(np.float32)
    else:
        node, given, made, constant = "MatMulInteger", TensorProto.UINT8, TensorProto.INT32, weights.astype(np.int8)
    graph = helper.make_graph(
        [helper.make_node(node, ["a", "b"], ["c"])],
        "product",
        [helper.make_tensor_value_info("a", given, [SIDE, SIDE])],
        [helper.make_tensor_value_info("c", made, [SIDE, SIDE])],
        [numpy_helper.from_array(constant, "b")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)
