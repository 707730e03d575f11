"""Several sessions with one lock each, used round-robin: AgentMem's pool.

Source: `crates/agent-mem-embeddings/src/providers/fastembed.rs` of louloulin/AgentMem.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Annotated

import msgspec

from membench_backends.cores import physical_cores

if TYPE_CHECKING:
    from membench_backends.base import Model, Vector


class PoolOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The size of the pool."""

    sessions: (
        Annotated[
            int,
            msgspec.Meta(
                ge=1, le=256, description="sessions, each with its own copy of the model; auto is one per core"
            ),
        ]
        | None
    ) = None


class PoolStrategy:
    """Each caller takes the next session, even if it is busy, and waits for its lock; a list always takes the first."""

    def __init__(self, load: Callable[[], Model], options: PoolOptions) -> None:
        self._sessions = [(load(), threading.Lock()) for _ in range(options.sessions or physical_cores())]
        self._turns = count()

    def embed(self, text: str) -> Vector:
        """Embed one text: shape (dimensions,), float32."""
        model, lock = self._sessions[next(self._turns) % len(self._sessions)]
        with lock:
            vector: Vector = model.embed([text])[0]
        return vector

    def embed_batch(self, texts: Sequence[str]) -> Vector:
        """Embed the caller's list in one call: shape (len(texts), dimensions), float32."""
        model, lock = self._sessions[0]
        with lock:
            return model.embed(texts)

    def close(self) -> None:
        """Do nothing: no thread runs in the background."""
