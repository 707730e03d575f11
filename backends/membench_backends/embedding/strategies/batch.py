"""The caller's own list in as few calls as possible: the rate of an application that batches by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec

if TYPE_CHECKING:
    from membench_backends.base import Model, Vector


class BatchOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a list is split."""

    batch_size: Annotated[int, msgspec.Meta(ge=1, le=65_536, description="texts per call of the model")] = 256


class BatchStrategy:
    """One session and no lock, as `shared`, but with a chosen batch size."""

    def __init__(self, load: Callable[[], Model], options: BatchOptions) -> None:
        self._model = load()
        self._batch_size = options.batch_size

    def embed(self, text: str) -> Vector:
        """Embed one text as a list of one: shape (dimensions,), float32."""
        vector: Vector = self.embed_batch([text])[0]
        return vector

    def embed_batch(self, texts: Sequence[str]) -> Vector:
        """Embed the caller's list: shape (len(texts), dimensions), float32."""
        return self._model.embed(texts, self._batch_size)

    def close(self) -> None:
        """Do nothing: no thread runs in the background."""
