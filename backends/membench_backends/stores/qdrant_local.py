"""qdrant-client's own in-memory mode, behind a lock and as shipped.

As shipped it is not thread-safe (github.com/qdrant/qdrant-client, issue 1193): upserts from several threads raise
nothing and leave arrays that no longer fit each other.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from membench_backends.stores.client import ClientStore

if TYPE_CHECKING:
    from qdrant_client import QdrantClient


def locked(folder: Path) -> ClientStore:
    """A store in memory whose every operation holds one lock; `folder` is not used."""
    return ClientStore(_locked_client_class()(":memory:"))


def unlocked(folder: Path) -> ClientStore:
    """A store in memory as shipped, for one thread at a time; `folder` is not used."""
    from qdrant_client import QdrantClient

    return ClientStore(QdrantClient(":memory:"))


@cache
def _locked_client_class() -> type[QdrantClient]:
    """A QdrantClient each of whose public methods holds the client's one lock."""
    from qdrant_client import QdrantClient

    class LockedQdrantClient(QdrantClient):
        def __init__(self, location: str) -> None:
            # Reentrant, because some public methods are made of others.
            self._lock = threading.RLock()
            super().__init__(location)

    for name, method in inspect.getmembers(QdrantClient, inspect.isfunction):
        if not name.startswith("_"):
            setattr(LockedQdrantClient, name, _holding_the_lock(method))
    return LockedQdrantClient


def _holding_the_lock(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            return method(self, *args, **kwargs)

    return call
