"""The peak rate of matrix products on the cores, an upper bound of every embedding rate."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import onnxruntime
from onnx import ModelProto, TensorProto, helper, numpy_helper

SIDE = 1024
"""Rows and columns of the matrices: enough work for a kernel, and small enough for a core's cache."""
WINDOW_S = 0.2
WINDOWS = 7
_FLOP = 2 * SIDE**3


def peak_gflop_per_s(precision: Literal["fp32", "int8"], cores: int) -> float:
    """Measure the best rate of matrix products over several short windows, with one thread per core.

    ONNX Runtime computes the products, so this measures the kernels that the model uses: MatMul for fp32, and
    MatMulInteger of unsigned by signed bytes for int8.

    Returns:
        10^9 operations per second on all cores together; a multiply-add counts as two operations.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    product = _product(precision).SerializeToString()
    session = onnxruntime.InferenceSession(product, options, providers=["CPUExecutionProvider"])
    dtype = np.float32 if precision == "fp32" else np.uint8
    inputs = {"a": np.random.default_rng(1).integers(0, 127, (SIDE, SIDE)).astype(dtype)}
    with ThreadPoolExecutor(cores) as pool:
        return max(_window(pool, session, inputs, cores) for _ in range(WINDOWS))


def _window(pool: ThreadPoolExecutor, session: Any, inputs: dict[str, Any], cores: int) -> float:
    return sum(pool.map(lambda _: _rate(session, inputs), range(cores)))


def _rate(session: Any, inputs: dict[str, Any]) -> float:
    begin = time.perf_counter()
    products = 0
    while (elapsed_s := time.perf_counter() - begin) < WINDOW_S:
        session.run(None, inputs)
        products += 1
    return products * _FLOP / elapsed_s / 1e9


def _product(precision: Literal["fp32", "int8"]) -> ModelProto:
    """Return a graph of one product, whose second matrix is constant like a model's weights."""
    weights = np.random.default_rng(2).integers(-127, 127, (SIDE, SIDE))
    if precision == "fp32":
        operator, left, result, constant = "MatMul", TensorProto.FLOAT, TensorProto.FLOAT, weights.astype(np.float32)
    else:
        operator, left, result, constant = (
            "MatMulInteger",
            TensorProto.UINT8,
            TensorProto.INT32,
            weights.astype(np.int8),
        )
    graph = helper.make_graph(
        [helper.make_node(operator, ["a", "b"], ["c"])],
        "product",
        [helper.make_tensor_value_info("a", left, [SIDE, SIDE])],
        [helper.make_tensor_value_info("c", result, [SIDE, SIDE])],
        [numpy_helper.from_array(constant, "b")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)
