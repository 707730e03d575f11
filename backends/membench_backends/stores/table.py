"""The vector stores by name, listed without importing their libraries."""

from __future__ import annotations

import importlib
from pathlib import Path

import msgspec

from membench_backends.base import UnavailableError, VectorStore
from membench_backends.registry import import_required, why_missing


class StoreInfo(msgspec.Struct, frozen=True):
    """A vector store that can be chosen. Only building it imports its libraries."""

    name: str
    summary: str
    thread_safe: bool
    """Whether several clients can write at once without losing memories."""
    distribution: str
    """The distribution that provides it; an error names it as the one to install."""
    requires: tuple[str, ...]
    """Modules that must be importable."""
    module: str
    """Dotted name of the module that defines the store; locks created there are the store's."""
    builder: str
    """The function or class of that module that takes a folder and returns a VectorStore."""
    unlocked: str = ""
    """The same store without its lock, by name; empty if there is none."""
    warning: str = ""
    """A caveat to show before a run; empty if there is none."""

    @property
    def unavailable(self) -> str:
        """Why it cannot be used here, and how to change that; empty if it can."""
        return why_missing(self.requires, self.distribution)

    def build(self, folder: Path) -> VectorStore:
        """Return the store, without a collection yet; it keeps any files in the folder.

        Raises:
            UnavailableError: A module it needs is missing or cannot be imported.
        """
        try:
            if self.unavailable:
                raise UnavailableError(self.unavailable)
            import_required(self.requires)
        except UnavailableError as error:
            raise UnavailableError(f"the store {self.name} {error}") from error
        store: VectorStore = getattr(importlib.import_module(self.module), self.builder)(folder)
        return store


_LOCAL = StoreInfo(
    name="local",
    summary="qdrant-client in memory, with one lock around every operation.",
    thread_safe=True,
    distribution="qdrant-client",
    requires=("qdrant_client",),
    module="membench_backends.stores.qdrant_local",
    builder="locked",
    unlocked="local-unlocked",
)
_LOCAL_UNLOCKED = StoreInfo(
    name="local-unlocked",
    summary="qdrant-client in memory as shipped, without a lock.",
    thread_safe=False,
    distribution="qdrant-client",
    requires=("qdrant_client",),
    module="membench_backends.stores.qdrant_local",
    builder="unlocked",
    warning="Not thread-safe (qdrant-client issue 1193): with more than one client it silently loses memories.",
)
_LOCAL_PATH = StoreInfo(
    name="local-path",
    summary="qdrant-client on disk, Mem0's default, with one lock around every operation.",
    thread_safe=True,
    distribution="qdrant-client",
    requires=("qdrant_client",),
    module="membench_backends.stores.qdrant_local",
    builder="locked_on_disk",
)
_EDGE = StoreInfo(
    name="edge",
    summary="qdrant-edge, Qdrant's engine in process, on disk with its write-ahead log.",
    thread_safe=True,
    distribution="qdrant-edge-py",
    requires=("qdrant_edge",),
    module="membench_backends.stores.qdrant_edge",
    builder="QdrantEdgeStore",
)

STORES: dict[str, StoreInfo] = {store.name: store for store in (_LOCAL, _LOCAL_UNLOCKED, _LOCAL_PATH, _EDGE)}
"""The stores by name, in display order."""
