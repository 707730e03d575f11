"""One session behind one lock: AgentMem in 2025.

Source: `crates/agent-mem-embeddings/src/providers/fastembed.rs` of louloulin/AgentMem, with a pool of one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec

from membench_backends.embedding.strategies.fair_lock import FairLock

if TYPE_CHECKING:
    from membench_backends.base import Model, Vector


class MutexOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which waiter gets the lock next."""

    fair: Annotated[bool, msgspec.Meta(description="serve waiters in order of arrival")] = False


class MutexStrategy:
    """One caller at a time, with one text or a list; the others wait for the lock."""

    def __init__(self, load: Callable[[], Model], options: MutexOptions) -> None:
        self._model = load()
        self._lock = FairLock() if options.fair else threading.Lock()

    def embed(self, text: str) -> Vector:
        """Embed one text: shape (dimensions,), float32."""
        with self._lock:
            vector: Vector = self._model.embed([text])[0]
        return vector

    def embed_batch(self, texts: Sequence[str]) -> Vector:
        """Embed the caller's list in one call: shape (len(texts), dimensions), float32."""
        with self._lock:
            return self._model.embed(texts)

    def close(self) -> None:
        """Do nothing: no thread runs in the background."""
