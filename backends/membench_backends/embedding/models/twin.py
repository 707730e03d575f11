"""A model's speed twin: the same architecture with random weights, for a machine without the real ones.

It takes as long as the real model for the same text; what its vectors say about similarity means nothing.
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
    """The folder of a twin, built now unless it is there and whole.

    `model.onnx` is the unfused graph, `model_optimized.onnx` the one to run.

    Raises:
        UnavailableError: The cache cannot be written.
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
