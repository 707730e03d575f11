"""Loading an embedding model: FastEmbed's own class, with the real weights or with a speed twin's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from fastembed import TextEmbedding

from backends.base import UnavailableError
from backends.embedding.cache import MODEL_FILES, Weights, twin_of, twins_folder, weights_on_disk
from backends.embedding.cores import physical_cores
from backends.embedding.sources import source_of

if TYPE_CHECKING:
    from backends.base import Vector

_NAME_FOR_GRAPH = {"model_optimized.onnx": "BAAI/bge-small-en-v1.5", "model.onnx": "BAAI/bge-large-en-v1.5"}
"""FastEmbed finds the graph in a folder by the model's name; these two are embedded alike: [CLS], normalised."""


class FastEmbedModel:
    """A loaded FastEmbed model; follows `backends.base.Model`."""

    def __init__(self, text_embedding: TextEmbedding, weights: Weights, threads: int) -> None:
        self.text_embedding = text_embedding
        """For a system that embeds through FastEmbed itself."""
        self.weights: Weights = weights
        self.threads = threads
        """Intra-op threads of the session."""
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


def load_model(model: str, threads: int | None, progress: Callable[[str], None]) -> FastEmbedModel:
    """Load a model: its real weights if they are on this machine, else its twin, built now if need be.

    Args:
        model: A FastEmbed model name, or a folder with the model's files.
        threads: Intra-op threads of the session; None is ONNX Runtime's default, one a core.
        progress: Gets a line for each stage that takes time.

    Raises:
        UnavailableError: There are no weights for it here, or they do not load.
    """
    folder, weights = _weights(model, progress)
    progress(f"loading {model}")
    name = model if source_of(model) else _NAME_FOR_GRAPH[_graph_in(folder)]
    try:
        loaded = TextEmbedding(name, threads=threads, specific_model_path=str(folder), local_files_only=True)
    except Exception as error:
        raise UnavailableError(f"{model} does not load from {folder}: {_first_line(error)}") from error
    return FastEmbedModel(loaded, weights, threads or physical_cores())


def _weights(model: str, progress: Callable[[str], None]) -> tuple[Path, Weights]:
    found = weights_on_disk(model)
    if found.weights is None or found.folder is None:
        raise UnavailableError(found.note)
    architecture = twin_of(model)
    if found.ready or architecture is None:
        return found.folder, found.weights
    from backends.embedding.twin import build_twin

    progress(f"building the speed twin of {model}, once")
    return build_twin(architecture, twins_folder()), "twin"


def _graph_in(folder: Path) -> str:
    return next(name for name in MODEL_FILES if (folder / name).is_file())


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
