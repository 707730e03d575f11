"""One session and no lock: how FastEmbed and Mem0 share a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from membench_backends.base import Model, Vector


class SharedOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No options."""


class SharedStrategy:
    """All callers run one session at the same time; ONNX Runtime and the tokenizer are thread-safe."""

    def __init__(self, load: Callable[[], Model], options: SharedOptions) -> None:
        self._model = load()

    def embed(self, text: str) -> Vector:
        """Embed one text: shape (dimensions,), float32."""
        vector: Vector = self._model.embed([text])[0]
        return vector

    def embed_batch(self, texts: Sequence[str]) -> Vector:
        """Embed the caller's list: shape (len(texts), dimensions), float32."""
        return self._model.embed(texts)

    def close(self) -> None:
        """Do nothing: no thread runs in the background."""
