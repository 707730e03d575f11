"""An adapter from our vector stores to the interface that Mem0 expects."""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from membench_backends.base import Point, VectorStore

if TYPE_CHECKING:
    from mem0.vector_stores.base import VectorStoreBase


class Hit(msgspec.Struct, frozen=True):
    """A search result with the attributes that Mem0 reads."""

    id: str
    score: float
    """Cosine similarity, at most 1."""
    payload: dict[str, Any]


def store_for_mem0(store: VectorStore, dimensions: int) -> VectorStoreBase:
    """Create the collection of a store, and return the store behind Mem0's interface.

    Adding works, and so does searching the memories of one user or of all. Other calls raise `NotImplementedError`.
    """
    from mem0.vector_stores.base import VectorStoreBase

    class StoreForMem0(VectorStoreBase):  # type: ignore[misc]
        def create_col(self, name: str, vector_size: int, distance: str) -> None:
            store.create(vector_size)

        def insert(
            self,
            vectors: Sequence[Sequence[float]],
            payloads: Sequence[dict[str, Any]],
            ids: Sequence[str],
        ) -> None:
            store.upsert(list(map(Point, ids, vectors, payloads)))

        def search(
            self, query: str, vectors: Sequence[float], top_k: int = 5, filters: dict[str, Any] | None = None
        ) -> list[Hit]:
            points = store.search(vectors, top_k, _user_in(filters or {}))
            return [Hit(point.id, sum(map(mul, vectors, point.vector)), point.payload) for point in points]

        delete = update = get = list_cols = delete_col = col_info = list = reset = _refuse

    adapter = StoreForMem0()
    store.create(dimensions)
    return adapter


def _user_in(filters: dict[str, Any]) -> str | None:
    others = filters.keys() - {"user_id"}
    if others:
        raise NotImplementedError(f"this store filters only by user_id, not by {', '.join(sorted(others))}")
    return filters.get("user_id")


def _refuse(*args: object, **kwargs: object) -> NoReturn:
    raise NotImplementedError("this store only adds and searches")
