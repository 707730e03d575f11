"""Speed twins: models of the same architecture with random weights, for machines without the real ones.

A twin takes as long as the real model for the same text. The similarities of its vectors are meaningless.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import onnx

from membench_backends.base import UnavailableError
from membench_backends.embedding.models.architecture import BUILDER, SEED
from membench_backends.embedding.models.graph import encoder, optimise
from membench_backends.embedding.models.publish import publish
from membench_backends.embedding.models.vocabulary import write_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from membench_backends.embedding.models.architecture import Architecture


def build_twin(architecture: Architecture, cache: Path) -> Path:
    """Build a twin unless it is in the cache, and return its folder.

    `model.onnx` is the unfused graph, and `model_optimized.onnx` the fused graph to run.

    Raises:
        UnavailableError: The cache cannot be written to.
    """
    folder = cache / architecture.key
    try:
        publish(folder, lambda building: _write_files(architecture, building))
    except OSError as error:
        reason = error.strerror or error
        raise UnavailableError(
            f"the speed twin cannot be written to {cache}: {reason}; name a folder with 300 MB free in XDG_CACHE_HOME"
        ) from error
    return folder


def _write_files(architecture: Architecture, folder: Path) -> dict[str, Any]:
    unfused = folder / "model.onnx"
    onnx.save(encoder(architecture, SEED), str(unfused))
    optimise(unfused, folder / "model_optimized.onnx")
    write_tokenizer(architecture, folder)
    return {
        "weights": "twin",
        "architecture": msgspec.structs.asdict(architecture),
        "parameters": architecture.parameters,
        "seed": SEED,
        "builder": BUILDER,
    }
