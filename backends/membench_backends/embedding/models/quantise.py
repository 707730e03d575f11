"""A model in int8: its matrix products in whole numbers, made once from its fp32 graph and kept in our own cache.

Dynamic quantisation: weights are rounded once, activations at each call, by the range they have in that call. A text's
vector therefore depends a little on the texts that share its batch.
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
from membench_backends.embedding.models.cache import MANIFEST, Weights, cache_folder, is_complete
from membench_backends.embedding.models.graph import optimise
from membench_backends.embedding.models.publish import publish

if TYPE_CHECKING:
    from membench_backends.base import Vector

RECIPE = 1
"""Raise when other files are written for the same graph: what was made before is then made anew."""
_UNFUSED = "model.onnx"
_OPERATORS = ["MatMul", "Gemm", "Attention"]
"""What is rounded. The embedding tables are not: to look a vector up takes no time, and rounding it costs accuracy."""
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
"""64 texts, 5 to 30 tokens long, over which int8 is compared with fp32."""


class Quantised(NamedTuple):
    """A model in int8, on disk."""

    folder: Path
    """Has the same files as the model's own folder, so that it loads the same way."""
    cosine: float | None
    """The mean, over the sample, of the cosine of a text's vector with that of fp32; None for a twin."""


def quantised(
    model: str,
    folder: Path,
    graph: Path,
    weights: Weights,
    embed: Callable[[Path, tuple[str, ...]], Vector],
    progress: Callable[[str], None],
) -> Quantised:
    """A model in int8, made now unless it is in the cache.

    Args:
        model: What the user calls it.
        folder: Where its files are.
        graph: The file in the folder that would be run in fp32. An unfused `model.onnx` beside it is taken instead:
            rounded before it is fused, it runs faster.
        weights: Whether vectors mean something, and are to be compared.
        embed: Embeds texts, one by one, with the model in a folder.
        progress: Gets a line when there is something to make.

    Raises:
        UnavailableError: It cannot be made, or not be written.
    """
    source = graph.with_name(_UNFUSED) if graph.with_name(_UNFUSED).is_file() else graph
    made = int8_folder(source)
    if not is_complete(made):
        progress(f"quantising {model} to int8, once")

        def write(building: Path) -> dict[str, Any]:
            _copy_tokenizer(folder, building)
            _write_graph(source, building / graph.relative_to(folder))
            cosine = None
            if weights == "real":
                cosine = _mean_cosine(embed(folder, SAMPLE), embed(building, SAMPLE))
            return {"weights": weights, "precision": "int8", "recipe": RECIPE, "source": str(source), "cosine": cosine}

        _publish(model, made, source, write)
    return Quantised(made, json.loads((made / MANIFEST).read_bytes())["cosine"])


def int8_folder(source: Path) -> Path:
    """Where the int8 form of a graph is kept: another one for another file, also of the same name."""
    file = source.resolve()
    state = file.stat()
    content = json.dumps([str(file), state.st_size, state.st_mtime_ns, RECIPE])
    return cache_folder() / "int8" / hashlib.sha256(content.encode()).hexdigest()[:16]


def _publish(model: str, made: Path, source: Path, write: Callable[[Path], dict[str, Any]]) -> None:
    try:
        publish(made, write)
    except UnavailableError:
        raise
    except OSError as error:
        raise UnavailableError(
            f"{model} in int8 cannot be written to {made.parent}: {error.strerror or error}; "
            "name a folder with 300 MB free in XDG_CACHE_HOME"
        ) from error
    except Exception as error:
        logging.getLogger(__name__).exception("quantising %s has failed", source)
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
    """Round, then fuse: the other way round the products inside attention stay apart from what follows them."""
    graph = widened(onnx.load(str(source)))
    before = _integer_nodes(graph)
    target.parent.mkdir(parents=True, exist_ok=True)
    rounded = target.with_name("rounded.onnx")
    quantize_dynamic(
        graph,
        str(rounded),
        op_types_to_quantize=_OPERATORS,
        weight_type=QuantType.QInt8,
        # Each column has a scale of its own. Seven bits keep two products within the sixteen that processors
        # without VNNI add them up in; beyond those they are cut off.
        per_channel=True,
        reduce_range=True,
        extra_options={"DefaultTensorType": TensorProto.FLOAT},
    )
    if _integer_nodes(onnx.load(str(rounded), load_external_data=False)) == before:
        raise ValueError("no matrix product in it is left to quantise")
    optimise(rounded, target)
    rounded.unlink()


def widened(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model itself, with 32-bit floats where it had those of 16 bits, which cannot be quantised."""
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


def _mean_cosine(one: Vector, other: Vector) -> float:
    """Of unit vectors, row by row."""
    return float(np.einsum("ij,ij->i", one, other).mean())
