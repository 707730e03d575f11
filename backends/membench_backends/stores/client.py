"""A vector store on any Qdrant client, in process or remote."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from membench_backends.base import Point

if TYPE_CHECKING:
    from qdrant_client import QdrantClient
    from qdrant_client.models import Filter

COLLECTION = "memories"
_PAGE = 1000


class ClientStore:
    """One collection of a Qdrant client.

    Attributes:
        client: The client, for a system with a Qdrant class of its own that creates the collection itself.
    """

    def __init__(self, client: QdrantClient, reopen: Callable[[], QdrantClient] | None = None) -> None:
        """Use a client.

        Args:
            client: The client.
            reopen: Returns a new client on the same files, once this one is closed; None if there are no files.
        """
        from qdrant_client import models

        self.client = client
        self._reopen = reopen
        self._models = models

    def create(self, dimensions: int) -> None:
        """Create an empty collection that compares vectors by cosine."""
        vectors = self._models.VectorParams(size=dimensions, distance=self._models.Distance.COSINE)
        self.client.create_collection(COLLECTION, vectors_config=vectors)

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points, replacing those with the same id."""
        structs = [
            self._models.PointStruct(id=point.id, vector=list(point.vector), payload=point.payload) for point in points
        ]
        self.client.upsert(COLLECTION, structs)

    def search(self, vector: Sequence[float], limit: int, user_id: str | None = None) -> list[Point]:
        """Return the nearest points, best first, of one user or of all users."""
        response = self.client.query_points(
            COLLECTION,
            query=list(vector),
            query_filter=self._of_user(user_id),
            limit=limit,
            with_vectors=True,
        )
        return [_point(point) for point in response.points]

    def points(self) -> Iterator[Point]:
        """Yield every point, fetching 1,000 per call.

        Raises:
            Exception: Whatever the client raises. A local client that several threads wrote to without a lock raises
                ValueError because its arrays no longer have the same length.
        """
        offset = None
        while True:
            page, offset = self.client.scroll(COLLECTION, limit=_PAGE, offset=offset, with_vectors=True)
            yield from map(_point, page)
            if offset is None:
                return

    def reopen(self) -> bool:
        """Close the store, and open it again from its files; return False, and do nothing, if it has none."""
        if self._reopen is None:
            return False
        self.client.close()
        self.client = self._reopen()
        return True

    def close(self) -> None:
        """Close the client."""
        self.client.close()

    def _of_user(self, user_id: str | None) -> Filter | None:
        if user_id is None:
            return None
        match = self._models.MatchValue(value=user_id)
        return self._models.Filter(must=[self._models.FieldCondition(key="user_id", match=match)])


def _point(record: Any) -> Point:
    vector = record.vector
    # If the collection also has named vectors, as Mem0's does, the unnamed vector has an empty name.
    dense = vector[""] if isinstance(vector, dict) else vector
    return Point(str(record.id), dense, record.payload or {})
