"""qdrant-client's local mode, in memory or on disk, as shipped or behind a lock that we add.

As shipped it is not thread-safe (github.com/qdrant/qdrant-client, issue 1193). In memory, concurrent upserts raise no
error, but leave arrays of different lengths. On disk, all threads also share one SQLite connection and its transaction:
of 500 upserts by 20 threads, about 40 raised, and about 170 were missing once the folder was opened again.
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
    """Return an in-memory store whose operations all hold one lock; `folder` is not used."""
    return ClientStore(_locked_client_class()(":memory:"))


def unlocked(folder: Path) -> ClientStore:
    """Return an in-memory store as shipped, for one thread at a time; `folder` is not used."""
    from qdrant_client import QdrantClient

    return ClientStore(QdrantClient(":memory:"))


def locked_on_disk(folder: Path) -> ClientStore:
    """Return a store in the folder whose operations all hold one lock; Mem0's default is the same without the lock.

    The collection is an SQLite file; each upsert of a point is a commit that waits for the disk. On Linux, any thread
    may use its connection. The client locks a file in the folder, so it must be closed before another opens the folder.
    """

    def open_client() -> QdrantClient:
        return _locked_client_class()(path=str(folder / "qdrant"))

    return ClientStore(open_client(), open_client)


@cache
def _locked_client_class() -> type[QdrantClient]:
    """Return a QdrantClient class whose public methods all hold one lock per client."""
    from qdrant_client import QdrantClient

    class LockedQdrantClient(QdrantClient):
        def __init__(self, location: str | None = None, path: str | None = None) -> None:
            # Reentrant, because some public methods call others.
            self._lock = threading.RLock()
            super().__init__(location, path=path)

    for name, method in inspect.getmembers(QdrantClient, inspect.isfunction):
        if not name.startswith("_"):
            setattr(LockedQdrantClient, name, _locking(method))
    return LockedQdrantClient


def _locking(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def locking_method(self: Any, *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            return method(self, *args, **kwargs)

    return locking_method
