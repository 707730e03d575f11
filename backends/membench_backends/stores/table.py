"""Every vector store that can be named, without loading any of them."""

from __future__ import annotations

import importlib
from pathlib import Path

import msgspec

from membench_backends.base import UnavailableError, VectorStore
from membench_backends.registry import import_required, why_missing


class StoreInfo(msgspec.Struct, frozen=True):
    """A vector store as the catalogue shows it. Building it is what loads its libraries."""

    name: str
    summary: str
    thread_safe: bool
    """Whether several clients may write at once without losing memories."""
    distribution: str
    """The installed distribution it is made from; its version is shown and recorded."""
    requires: tuple[str, ...]
    """Modules that must be importable."""
    module: str
    """The module of ours that has the builder."""
    builder: str
    """A function or class there that takes a folder and gives a VectorStore."""
    warning: str = ""
    """What a person should know before a run; empty if nothing."""

    @property
    def unavailable(self) -> str:
        """Why it cannot be had here, and how to change that; empty if it can."""
        return why_missing(self.requires, self.distribution)

    def build(self, folder: Path) -> VectorStore:
        """A store, not yet created, that keeps its files, if any, in the folder.

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
    summary="qdrant-client in memory, every operation behind one lock.",
    thread_safe=True,
    distribution="qdrant-client",
    requires=("qdrant_client",),
    module="membench_backends.stores.qdrant_local",
    builder="locked",
)
_LOCAL_UNLOCKED = StoreInfo(
    name="local-unlocked",
    summary="qdrant-client in memory as shipped, without a lock.",
    thread_safe=False,
    distribution="qdrant-client",
    requires=("qdrant_client",),
    module="membench_backends.stores.qdrant_local",
    builder="unlocked",
    warning="Not thread-safe (qdrant-client issue 1193): with more than one client it loses memories without an error.",
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

STORES: dict[str, StoreInfo] = {store.name: store for store in (_LOCAL, _LOCAL_UNLOCKED, _EDGE)}
"""Every store by name, in the order to show them."""
