"""Storing only: the rate that a memory system could reach if embedding were free."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from membench_backends.base import BackendInfo, Capabilities, Parts, Point, StoredMemory
from membench_backends.readback import stored_memories
from membench_backends.stages import mark, now_ns

if TYPE_CHECKING:
    from membench_backends.base import Vector


class QdrantBackend:
    """Writes points with vectors from a table, which cost only a checksum, so that the store takes all the time."""

    def __init__(self, parts: Parts) -> None:
        assert parts.store is not None, "a backend that stores is built with a store"
        # Imported here because the console imports this module for INFO and must start fast.
        from membench_backends.embedding.fixed import FixedEmbedder

        self._store = parts.store
        self._store.create(parts.dimensions)
        self._embedder = FixedEmbedder(parts.dimensions)

    def add(self, text: str, user_id: str) -> None:
        """Write one point."""
        begin = now_ns()
        self._store.upsert([self._point(text, user_id)])
        mark("store", begin)

    def add_batch(self, texts: Sequence[str], user_id: str) -> None:
        """Write the points of all texts in one call of the store."""
        begin = now_ns()
        self._store.upsert([self._point(text, user_id) for text in texts])
        mark("store", begin)

    def stored(self) -> Iterator[StoredMemory]:
        """Yield every memory in the store, in no particular order."""
        return stored_memories(self._store)

    def vectors(self, texts: Sequence[str]) -> Vector:
        """Return the unit vectors of texts, the same in every run: shape (len(texts), dimensions), float32."""
        return self._embedder.embed_batch(texts)

    def close(self) -> None:
        """Do nothing: the store belongs to the caller."""

    def _point(self, text: str, user_id: str) -> Point:
        vector = self._embedder.embed(text).tolist()
        return Point(str(uuid.uuid4()), vector, {"data": text, "user_id": user_id})


INFO = BackendInfo(
    name="qdrant",
    summary="Vector store only: one point per memory, with precomputed vectors.",
    capabilities=Capabilities(embeds=False, stores=True, batch_call=True),
    build=QdrantBackend,
    requires=("numpy",),
    note="One stage, not a memory system: the vectors are random.",
)
