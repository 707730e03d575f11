"""ONNX Runtime as FastEmbed ships it: FastEmbed's own class, with real weights or those of a speed twin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from fastembed import TextEmbedding
from fastembed.common.onnx_model import OnnxOutputContext

from membench_backends.base import UnavailableError
from membench_backends.cores import physical_cores, usable_cores
from membench_backends.embedding.models.cache import (
    MODEL_FILES,
    Weights,
    is_damaged,
    twin_folder,
    twin_of,
    twins_folder,
    weights_on_disk,
)
from membench_backends.embedding.models.sources import source_of
from membench_backends.stages import gauge, mark, now_ns

if TYPE_CHECKING:
    from membench_backends.base import Vector
    from membench_backends.embedding.models.quantise import QuantisedModel

_NAME_FOR_GRAPH = {"model_optimized.onnx": "BAAI/bge-small-en-v1.5", "model.onnx": "BAAI/bge-large-en-v1.5"}
"""FastEmbed derives the graph's file name from the model's name. Both of these models pool by [CLS] and normalise."""
_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
"""Possible inputs of a BERT-like graph; a graph may lack some of them."""


class FastEmbedModel:
    """A loaded FastEmbed model; implements `membench_backends.base.TokenModel`."""

    def __init__(
        self, text_embedding: TextEmbedding, weights: Weights, threads: int, precision_cosine: float | None = None
    ) -> None:
        self.text_embedding = text_embedding
        """FastEmbed's own model, for a system that calls FastEmbed directly."""
        self._loaded = cast(Any, text_embedding).model
        _meter_tokenizer(self._loaded)
        self._input_names = {node.name for node in self._loaded.model.get_inputs()} & _INPUTS
        self.weights: Weights = weights
        self.threads = threads
        """Intra-op threads of the session."""
        self.precision_cosine = precision_cosine
        """Mean cosine of its vectors with those of fp32; None for fp32 itself and for a twin."""
        # FastEmbed looks the dimensions up by the model's name, which may be wrong for a folder.
        self.dimensions = len(next(iter(text_embedding.embed(["dimensions"]))))

    def embed(self, texts: Sequence[str], batch_size: int = 256) -> Vector:
        """Embed texts in the order given, in the calling thread.

        Args:
            texts: The texts to embed.
            batch_size: Texts per call of the session; each call pads its texts to the longest of them.

        Returns:
            Unit vectors, shape (len(texts), dimensions), float32.
        """
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for row, vector in enumerate(self.text_embedding.embed(list(texts), batch_size)):
            vectors[row] = vector
        return vectors

    def tokenise(self, text: str) -> Sequence[int]:
        """Return the tokens of a text with special tokens, truncated to the model's maximum length."""
        begin = now_ns()
        tokens: Sequence[int] = self._loaded.tokenizer.encode(text).ids
        mark("tokenise", begin)
        return tokens

    def run_tokens(self, batch: Sequence[Sequence[int]]) -> OnnxOutputContext:
        """Run texts as one batch, padded to the longest, in the calling thread."""
        longest = max(map(len, batch))
        gauge("batch_size", len(batch))
        gauge("tokens", sum(map(len, batch)))
        gauge("padded_tokens", len(batch) * longest)
        ids = np.zeros((len(batch), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        expected = {name: inputs[name] for name in self._input_names}
        preprocessed = self._loaded._preprocess_onnx_input(expected)
        return OnnxOutputContext(self._loaded._run_model(preprocessed), mask, ids)

    def finish(self, output: OnnxOutputContext, row: int) -> Vector:
        """Pool and normalise one text of a batch, as FastEmbed does: shape (dimensions,), float32."""
        only = slice(row, row + 1)
        mask, ids = output.attention_mask, output.input_ids
        assert mask is not None and ids is not None
        single = OnnxOutputContext(output.model_output[only], mask[only], ids[only])
        vector: Vector = next(iter(self._loaded._post_process_onnx_output(single)))
        return vector


def load_model(
    model: str,
    threads: int | None,
    progress: Callable[[str], None],
    precision: Literal["fp32", "int8"] = "fp32",
) -> FastEmbedModel:
    """Load a model: its real weights if they are on this machine, otherwise its twin, which is built if missing.

    Args:
        model: The name of a FastEmbed model, or a folder with a model's files.
        threads: Intra-op threads of the session; None is one per core that the process may use. On a machine that it
            may use wholly, that is ONNX Runtime's own default, which pins the threads to the cores. Elsewhere the
            number is set, because the default ignores processor affinity and quotas.
        progress: Receives a line before each slow stage.
        precision: Precision of the matrix products; int8 is quantised from the fp32 graph on first use.

    Raises:
        UnavailableError: There are no weights on this machine, or they do not load or cannot be quantised.
    """
    folder, weights = _weights(model, progress)
    cosine = None
    if precision == "int8":
        folder, cosine = _quantise(model, folder, weights, progress)
    progress(f"loading {model}")
    usable = usable_cores()
    if threads is None and usable < physical_cores():
        threads = usable
    return FastEmbedModel(_load(model, folder, threads), weights, threads or usable, cosine)


def _load(model: str, folder: Path, threads: int | None) -> TextEmbedding:
    name = model if source_of(model) else _NAME_FOR_GRAPH[_graph_in(folder)]
    try:
        return TextEmbedding(name, threads=threads, specific_model_path=str(folder), local_files_only=True)
    except Exception as error:
        raise UnavailableError(f"{model} does not load from {folder}: {_first_line(error)}") from error


def _quantise(model: str, folder: Path, weights: Weights, progress: Callable[[str], None]) -> QuantisedModel:
    from membench_backends.embedding.models.quantise import quantise

    def embed(model_folder: Path, texts: tuple[str, ...]) -> Vector:
        return np.stack(list(_load(model, model_folder, None).embed(texts, batch_size=1)))

    source = source_of(model)
    graph = source.model_file if source else _graph_in(folder)
    return quantise(model, folder, folder / graph, weights, embed, progress)


def _meter_tokenizer(loaded: Any) -> None:
    """Report the duration of tokenisation and, for each batch, its size and its tokens with and without padding."""
    tokenize = loaded.tokenize

    def metered_tokenize(documents: list[str], **options: Any) -> list[Any]:
        begin = now_ns()
        encoded: list[Any] = tokenize(documents, **options)
        mark("tokenise", begin)
        gauge("batch_size", len(encoded))
        gauge("tokens", sum(sum(text.attention_mask) for text in encoded))
        gauge("padded_tokens", sum(len(text.ids) for text in encoded))
        return encoded

    loaded.tokenize = metered_tokenize


def _weights(model: str, progress: Callable[[str], None]) -> tuple[Path, Weights]:
    on_disk = weights_on_disk(model)
    if on_disk.weights is None or on_disk.folder is None:
        raise UnavailableError(on_disk.note)
    architecture = twin_of(model)
    if on_disk.ready or architecture is None:
        return on_disk.folder, on_disk.weights
    from membench_backends.embedding.models.twin import build_twin

    damaged = is_damaged(twin_folder(architecture))
    twin = f"the speed twin of {model}"
    progress(f"{twin} is damaged; building it again" if damaged else f"building {twin}, once")
    return build_twin(architecture, twins_folder()), "twin"


def _graph_in(folder: Path) -> str:
    return next(name for name in MODEL_FILES if (folder / name).is_file())


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
