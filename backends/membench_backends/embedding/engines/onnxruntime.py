"""Loading an embedding model: FastEmbed's own class, with the real weights or with a speed twin's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from fastembed import TextEmbedding
from fastembed.common.onnx_model import OnnxOutputContext

from membench_backends.base import UnavailableError
from membench_backends.cores import physical_cores
from membench_backends.embedding.models.cache import MODEL_FILES, Weights, twin_of, twins_folder, weights_on_disk
from membench_backends.embedding.models.sources import source_of
from membench_backends.stages import gauge, mark, now_ns

if TYPE_CHECKING:
    from membench_backends.base import Vector
    from membench_backends.embedding.models.quantise import Quantised

_NAME_FOR_GRAPH = {"model_optimized.onnx": "BAAI/bge-small-en-v1.5", "model.onnx": "BAAI/bge-large-en-v1.5"}
"""FastEmbed finds the graph in a folder by the model's name; these two are embedded alike: [CLS], normalised."""


_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
"""What a BERT-like graph may ask for; not every one asks for all."""


class FastEmbedModel:
    """A loaded FastEmbed model; follows `membench_backends.base.Model`."""

    def __init__(
        self, text_embedding: TextEmbedding, weights: Weights, threads: int, precision_cosine: float | None = None
    ) -> None:
        self.text_embedding = text_embedding
        """For a system that embeds through FastEmbed itself."""
        self._loaded = cast(Any, text_embedding).model
        _listen_to_tokenizer(self._loaded)
        self._input_names = {node.name for node in self._loaded.model.get_inputs()} & _INPUTS
        self.weights: Weights = weights
        self.threads = threads
        """Intra-op threads of the session."""
        self.precision_cosine = precision_cosine
        """Mean cosine of its vectors with those of fp32; None where it is fp32 itself, or a twin."""
        # FastEmbed knows the dimensions by the model's name only, which says nothing about a folder.
        self.dimensions = len(next(iter(text_embedding.embed(["dimensions"]))))

    def embed(self, texts: Sequence[str], batch_size: int = 256) -> Vector:
        """Embed texts in the order given, in the calling thread.

        Args:
            texts: What to embed.
            batch_size: Texts a call of the session; each call pads its texts to its longest.

        Returns:
            Unit vectors, shape (len(texts), dimensions), float32.
        """
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for row, vector in enumerate(self.text_embedding.embed(list(texts), batch_size)):
            vectors[row] = vector
        return vectors

    def tokenise(self, text: str) -> Sequence[int]:
        """The tokens of a text, special ones included, cut at what the model can take."""
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
        known = {name: inputs[name] for name in self._input_names}
        given = self._loaded._preprocess_onnx_input(known)
        return OnnxOutputContext(self._loaded._run_model(given), mask, ids)

    def finish(self, output: OnnxOutputContext, row: int) -> Vector:
        """Pool and normalise one text of a batch, as FastEmbed does: shape (dimensions,), float32."""
        own = slice(row, row + 1)
        mask, ids = output.attention_mask, output.input_ids
        assert mask is not None and ids is not None
        alone = OnnxOutputContext(output.model_output[own], mask[own], ids[own])
        vector: Vector = next(iter(self._loaded._post_process_onnx_output(alone)))
        return vector


def load_model(
    model: str,
    threads: int | None,
    progress: Callable[[str], None],
    precision: Literal["fp32", "int8"] = "fp32",
) -> FastEmbedModel:
    """Load a model: its real weights if they are on this machine, else its twin, built now if need be.

    Args:
        model: A FastEmbed model name, or a folder with the model's files.
        threads: Intra-op threads of the session; None is ONNX Runtime's default, one a core.
        progress: Gets a line for each stage that takes time.
        precision: Of its matrix products; int8 is made from the fp32 graph when it is first asked for.

    Raises:
        UnavailableError: There are no weights for it here, or they do not load or cannot be quantised.
    """
    folder, weights = _weights(model, progress)
    cosine = None
    if precision == "int8":
        folder, cosine = _in_int8(model, folder, weights, progress)
    progress(f"loading {model}")
    return FastEmbedModel(_load(model, folder, threads), weights, threads or physical_cores(), cosine)


def _load(model: str, folder: Path, threads: int | None) -> TextEmbedding:
    name = model if source_of(model) else _NAME_FOR_GRAPH[_graph_in(folder)]
    try:
        return TextEmbedding(name, threads=threads, specific_model_path=str(folder), local_files_only=True)
    except Exception as error:
        raise UnavailableError(f"{model} does not load from {folder}: {_first_line(error)}") from error


def _in_int8(model: str, folder: Path, weights: Weights, progress: Callable[[str], None]) -> Quantised:
    from membench_backends.embedding.models.quantise import quantised

    def embed(place: Path, texts: tuple[str, ...]) -> Vector:
        return np.stack(list(_load(model, place, None).embed(texts, batch_size=1)))

    source = source_of(model)
    graph = source.model_file if source else _graph_in(folder)
    return quantised(model, folder, folder / graph, weights, embed, progress)


def _listen_to_tokenizer(loaded: Any) -> None:
    """Have each batch tell its size, its tokens, and those that only fill it up to its longest text."""
    tokenize = loaded.tokenize

    def told(documents: list[str], **options: Any) -> list[Any]:
        begin = now_ns()
        encoded: list[Any] = tokenize(documents, **options)
        mark("tokenise", begin)
        gauge("batch_size", len(encoded))
        gauge("tokens", sum(sum(text.attention_mask) for text in encoded))
        gauge("padded_tokens", sum(len(text.ids) for text in encoded))
        return encoded

    loaded.tokenize = told


def _weights(model: str, progress: Callable[[str], None]) -> tuple[Path, Weights]:
    found = weights_on_disk(model)
    if found.weights is None or found.folder is None:
        raise UnavailableError(found.note)
    architecture = twin_of(model)
    if found.ready or architecture is None:
        return found.folder, found.weights
    from membench_backends.embedding.models.twin import build_twin

    progress(f"building the speed twin of {model}, once")
    return build_twin(architecture, twins_folder()), "twin"


def _graph_in(folder: Path) -> str:
    return next(name for name in MODEL_FILES if (folder / name).is_file())


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
