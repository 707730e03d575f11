"""Dynamic quantisation to int8. The quantised model is made once from the fp32 graph, and cached.

Weights are rounded once, and activations in each call, by their range in that call. The vector of a text therefore
depends slightly on the other texts in its batch.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from membench_backends.base import UnavailableError
from membench_backends.embedding.models.cache import MANIFEST, Weights, cache_folder, is_complete, is_damaged
from membench_backends.embedding.models.graph import optimise
from membench_backends.embedding.models.publish import publish

if TYPE_CHECKING:
    from membench_backends.base import Vector

RECIPE = 1
"""Version of the quantisation. Increase it when the same graph gives different files, to rebuild cached models."""
_UNFUSED = "model.onnx"
_OPERATORS = ["MatMul", "Gemm", "Attention"]
"""Operators to quantise. Embedding tables are excluded: a lookup takes no time, and rounding costs accuracy."""
_INTEGER_OPERATORS = {"DynamicQuantizeLinear", "MatMulInteger", "QAttention", "QLinearMatMul", "MatMulNBits"}

SAMPLE = tuple(
    f"{who} {what}"
    for who in (
        "He",
        "My sister",
        "The doctor from Boston",
        "Our team at work",
        "Anna",
        "The old neighbour with two dogs",
        "Nobody in the class",
        "Mr. Lee, who moved here in 2019,",
    )
    for what in (
        "likes green tea.",
        "moved to Berlin last year to study music at the university.",
        "said that the meeting on Friday is cancelled.",
        "never eats meat, nuts or anything with milk, because of an allergy.",
        "paid 42 euros for the train.",
        "forgot the password again!",
        "wants to visit the museum of modern art with the children in spring, if the weather is good.",
        "fixed the bug in the search index?",
    )
)
"""64 texts of 5 to 30 tokens, on which int8 is compared with fp32."""


class QuantisedModel(NamedTuple):
    """A model in int8 on disk."""

    folder: Path
    """Contains files of the same names as the model's own folder, so that it loads the same way."""
    cosine: float | None
    """Mean cosine of the int8 and fp32 vectors of the sample; None for a twin."""


def quantise(
    model: str,
    folder: Path,
    graph: Path,
    weights: Weights,
    embed: Callable[[Path, tuple[str, ...]], Vector],
    progress: Callable[[str], None],
) -> QuantisedModel:
    """Quantise a model to int8 unless the result is in the cache.

    Args:
        model: The model's name, for messages.
        folder: The folder of the fp32 model.
        graph: The graph file that fp32 runs. If there is an unfused `model.onnx` in the same place, that is quantised
            instead: a graph that is rounded before it is fused runs faster.
        weights: The kind of weights; only the vectors of real ones are compared with fp32.
        embed: Embeds texts one by one with the model in a folder.
        progress: Receives a line before a model is quantised.

    Raises:
        UnavailableError: The model cannot be quantised, or the result cannot be written.
    """
    source = graph.with_name(_UNFUSED) if graph.with_name(_UNFUSED).is_file() else graph
    int8 = int8_folder(source)
    if not is_complete(int8):
        damaged = is_damaged(int8)
        progress(f"{model} in int8 is damaged; quantising it again" if damaged else f"quantising {model} to int8, once")

        def write(building: Path) -> dict[str, Any]:
            _copy_tokenizer(folder, building)
            _write_graph(source, building / graph.relative_to(folder))
            cosine = None
            if weights == "real":
                cosine = _mean_cosine(embed(folder, SAMPLE), embed(building, SAMPLE))
            return {
                "weights": weights,
                "precision": "int8",
                "recipe": RECIPE,
                "source": str(source),
                "cosine": cosine,
            }

        _publish(model, int8, source, write)
    cosine = json.loads((int8 / MANIFEST).read_bytes()).get("cosine")
    return QuantisedModel(int8, cosine if isinstance(cosine, float) else None)


def int8_folder(source: Path) -> Path:
    """Return the cache folder for a graph in int8; a changed file of the same name gets another folder."""
    file = source.resolve()
    status = file.stat()
    content = json.dumps([str(file), status.st_size, status.st_mtime_ns, RECIPE])
    return cache_folder() / "int8" / hashlib.sha256(content.encode()).hexdigest()[:16]


def _publish(model: str, int8: Path, source: Path, write: Callable[[Path], dict[str, Any]]) -> None:
    try:
        publish(int8, write)
    except UnavailableError:
        raise
    except OSError as error:
        raise UnavailableError(
            f"{model} in int8 cannot be written to {int8.parent}: {error.strerror or error}; "
            "name a folder with 300 MB free in XDG_CACHE_HOME"
        ) from error
    except Exception as error:
        logging.getLogger(__name__).exception("quantising %s failed", source)
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UnavailableError(
            f"{model} cannot be quantised from {source}: {reason}; use --precision fp32, or a folder with its unfused "
            f"graph as {_UNFUSED}"
        ) from error


def _copy_tokenizer(folder: Path, building: Path) -> None:
    for path in folder.glob("*.json"):
        if path.name != MANIFEST:
            shutil.copyfile(path, building / path.name)


def _write_graph(source: Path, target: Path) -> None:
    """Round the graph, then fuse it. In the other order, the products inside attention would not be fused."""
    graph = widen(onnx.load(str(source)))
    before = _integer_nodes(graph)
    target.parent.mkdir(parents=True, exist_ok=True)
    rounded = target.with_name("rounded.onnx")
    quantize_dynamic(
        graph,
        str(rounded),
        op_types_to_quantize=_OPERATORS,
        weight_type=QuantType.QInt8,
        per_channel=True,
        # Seven bits: processors without VNNI add two products in 16 bits, where 8-bit weights would saturate.
        reduce_range=True,
        extra_options={"DefaultTensorType": TensorProto.FLOAT},
    )
    if _integer_nodes(onnx.load(str(rounded), load_external_data=False)) == before:
        raise ValueError("it has no matrix product to quantise")
    optimise(rounded, target)
    rounded.unlink()


def widen(model: onnx.ModelProto) -> onnx.ModelProto:
    """Convert a model's 16-bit floats, which cannot be quantised, to 32 bits in place, and return the model."""
    graph = model.graph
    for tensor in graph.initializer:
        _widen(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.FLOAT
            elif attribute.type == onnx.AttributeProto.TENSOR:
                _widen(attribute.t)
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT16:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    return model


def _widen(tensor: TensorProto) -> None:
    if tensor.data_type == TensorProto.FLOAT16:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))


def _integer_nodes(model: onnx.ModelProto) -> int:
    return sum(node.op_type in _INTEGER_OPERATORS for node in model.graph.node)


def _mean_cosine(vectors: Vector, reference: Vector) -> float:
    """Return the mean cosine of unit vectors with those of the same row in `reference`."""
    return float(np.einsum("ij,ij->i", vectors, reference).mean())
