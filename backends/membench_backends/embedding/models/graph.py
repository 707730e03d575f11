"""The unfused ONNX graph of a BERT encoder with random weights.

The graph has the form of a PyTorch export, because ONNX Runtime recognises attention by its exact pattern: opset 12
(the later Reshape and Unsqueeze do not match), LayerNorm as single operations, a softmax over axis 3 and a mask of
-10,000. The pattern is in `onnxruntime/core/optimizer/attention_fusion.cc`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike

    from membench_backends.embedding.models.architecture import Architecture

OPSET = 12
"""The newest opset with which ONNX Runtime fuses the whole attention block."""
_IR_VERSION = 7
"""The version of the file format that belongs to opset 12."""
_DEVIATION = 0.02
"""Standard deviation of the weights, as in BERT's initialisation: https://arxiv.org/abs/1810.04805."""
_MASKED = -10_000.0
_EPSILON = 1e-12


def encoder(architecture: Architecture, seed: int) -> ModelProto:
    """Return the encoder, which maps token ids to token vectors.

    Inputs `input_ids`, `attention_mask` and `token_type_ids` are int64, shape (batch, sequence); the output
    `last_hidden_state` is float32, shape (batch, sequence, hidden).
    """
    return _Encoder(architecture, seed).model()


def optimise(graph: Path, optimised: Path) -> None:
    """Write the graph with ONNX Runtime's fusions applied, so that a session loads it quickly."""
    options = onnxruntime.SessionOptions()
    # The next level would lay the weights out for this machine's processor.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(optimised)
    options.intra_op_num_threads = 1
    onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


class _Encoder:
    """Builds the graph; every method that adds a node returns the name of its output."""

    def __init__(self, architecture: Architecture, seed: int) -> None:
        self._shape = architecture
        self._random = np.random.default_rng(seed)
        self._nodes: list[NodeProto] = []
        self._initializers: dict[str, TensorProto] = {}

    def model(self) -> ModelProto:
        """Build the model; call this once."""
        mask = self._mask()
        hidden = self._embeddings()
        for layer in range(self._shape.layers):
            hidden = self._layer(hidden, mask, f"layer.{layer}")
        self._node("Identity", [hidden], "last_hidden_state")
        return helper.make_model(
            self._graph(),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=_IR_VERSION,
            producer_name="membench-tui",
        )

    def _graph(self) -> Any:
        tokens: list[str | int | None] = ["batch", "sequence"]
        vectors = [*tokens, self._shape.hidden]
        inputs = ("input_ids", "attention_mask", "token_type_ids")
        return helper.make_graph(
            self._nodes,
            self._shape.name,
            [helper.make_tensor_value_info(name, TensorProto.INT64, tokens) for name in inputs],
            [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, vectors)],
            list(self._initializers.values()),
            # SkipLayerNormalization is fused only if both operands are known to have the same shape. The position
            # vectors have an unknown length, so shape inference cannot tell the shape of the sum.
            value_info=[helper.make_tensor_value_info("embeddings.sum", TensorProto.FLOAT, vectors)],
        )

    def _mask(self) -> str:
        """Add the mask: 0 for a token and -10,000 for padding, shape (batch, 1, 1, sequence)."""
        rows = self._node("Unsqueeze", ["attention_mask"], "mask.rows", axes=[1])
        heads = self._node("Unsqueeze", [rows], "mask.heads", axes=[2])
        present = self._node("Cast", [heads], "mask.present", to=TensorProto.FLOAT)
        absent = self._node("Sub", [self._scalar("one", 1.0), present], "mask.absent")
        return self._node("Mul", [absent, self._scalar("masked", _MASKED)], "mask")

    def _embeddings(self) -> str:
        shape = self._shape
        words = self._lookup("embeddings.words", shape.vocabulary, "input_ids")
        types = self._lookup("embeddings.types", shape.token_types, "token_type_ids")
        positions = self._lookup("embeddings.positions", shape.positions, self._positions())
        typed = self._node("Add", [words, types], "embeddings.typed")
        placed = self._node("Add", [typed, positions], "embeddings.sum")
        return self._layer_norm(placed, "embeddings.norm")

    def _positions(self) -> str:
        """Add the positions from 0 to the sequence length, shape (1, sequence)."""
        every = self._constant("positions.all", np.arange(self._shape.positions, dtype=np.int64)[np.newaxis])
        axis = self._constant("positions.axis", np.array([1], dtype=np.int64))
        start = self._constant("positions.start", np.array([0], dtype=np.int64))
        shape = self._node("Shape", ["input_ids"], "positions.shape")
        length = self._node("Gather", [shape, axis], "positions.length", axis=0)
        return self._node("Slice", [every, start, length, axis], "positions")

    def _layer(self, hidden: str, mask: str, name: str) -> str:
        attended = self._linear(self._attention(hidden, mask, name), f"{name}.output", self._shape.hidden)
        added = self._node("Add", [attended, hidden], f"{name}.residual")
        middle = self._layer_norm(added, f"{name}.norm")
        grown = self._gelu(self._linear(middle, f"{name}.grow", self._shape.intermediate), f"{name}.gelu")
        shrunk = self._linear(grown, f"{name}.shrink", self._shape.hidden, rows=self._shape.intermediate)
        added = self._node("Add", [shrunk, middle], f"{name}.feed_forward")
        return self._layer_norm(added, f"{name}.feed_forward.norm")

    def _attention(self, hidden: str, mask: str, name: str) -> str:
        width = self._shape.hidden // self._shape.heads
        query = self._split(hidden, f"{name}.query", [0, 2, 1, 3])
        key = self._split(hidden, f"{name}.key", [0, 2, 3, 1])
        value = self._split(hidden, f"{name}.value", [0, 2, 1, 3])
        products = self._node("MatMul", [query, key], f"{name}.products")
        scaled = self._node("Div", [products, self._scalar("scale", width**0.5)], f"{name}.scaled")
        masked = self._node("Add", [scaled, mask], f"{name}.masked")
        shares = self._node("Softmax", [masked], f"{name}.shares", axis=3)
        context = self._node("MatMul", [shares, value], f"{name}.context")
        together = self._node("Transpose", [context], f"{name}.together", perm=[0, 2, 1, 3])
        merged = self._constant("merged", np.array([0, 0, self._shape.hidden], dtype=np.int64))
        return self._node("Reshape", [together, merged], f"{name}.merged")

    def _split(self, hidden: str, name: str, order: list[int]) -> str:
        """Add a projection of the hidden states, split into heads."""
        heads = self._shape.heads
        shape = self._constant("split", np.array([0, 0, heads, self._shape.hidden // heads], dtype=np.int64))
        projected = self._linear(hidden, name, self._shape.hidden)
        split = self._node("Reshape", [projected, shape], f"{name}.cut")
        return self._node("Transpose", [split], f"{name}.heads", perm=order)

    def _linear(self, source: str, name: str, columns: int, rows: int | None = None) -> str:
        weight = self._weight(f"{name}.weight", rows or self._shape.hidden, columns)
        # The bias is random because one of zeros would be optimised away, unlike the real model's.
        bias = self._weight(f"{name}.bias", columns)
        product = self._node("MatMul", [source, weight], f"{name}.product")
        return self._node("Add", [product, bias], name)

    def _gelu(self, source: str, name: str) -> str:
        """Add GELU, as the error function defines it: 0.5 x (1 + erf(x / sqrt 2))."""
        scaled = self._node("Div", [source, self._scalar("root_two", 2**0.5)], f"{name}.scaled")
        error = self._node("Erf", [scaled], f"{name}.erf")
        raised = self._node("Add", [error, self._scalar("one", 1.0)], f"{name}.raised")
        product = self._node("Mul", [source, raised], f"{name}.product")
        return self._node("Mul", [product, self._scalar("half", 0.5)], name)

    def _layer_norm(self, source: str, name: str) -> str:
        gain = self._constant(f"{name}.gain", np.ones(self._shape.hidden, dtype=np.float32))
        bias = self._constant(f"{name}.bias", np.zeros(self._shape.hidden, dtype=np.float32))
        mean = self._node("ReduceMean", [source], f"{name}.mean", axes=[-1])
        centred = self._node("Sub", [source, mean], f"{name}.centred")
        squared = self._node("Pow", [centred, self._scalar("two", 2.0)], f"{name}.squared")
        variance = self._node("ReduceMean", [squared], f"{name}.variance", axes=[-1])
        safe = self._node("Add", [variance, self._scalar("epsilon", _EPSILON)], f"{name}.safe")
        deviation = self._node("Sqrt", [safe], f"{name}.deviation")
        normal = self._node("Div", [centred, deviation], f"{name}.normal")
        scaled = self._node("Mul", [normal, gain], f"{name}.scaled")
        return self._node("Add", [scaled, bias], name)

    def _lookup(self, name: str, rows: int, indices: str) -> str:
        table = self._weight(f"{name}.table", rows, self._shape.hidden)
        return self._node("Gather", [table, indices], name, axis=0)

    def _node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def _weight(self, name: str, *shape: int) -> str:
        values = self._random.standard_normal(shape, dtype=np.float32)
        values *= _DEVIATION
        return self._constant(name, values)

    def _scalar(self, name: str, value: float) -> str:
        return self._constant(name, np.float32(value))

    def _constant(self, name: str, values: ArrayLike) -> str:
        if name not in self._initializers:
            self._initializers[name] = numpy_helper.from_array(np.asarray(values), name)
        return name
