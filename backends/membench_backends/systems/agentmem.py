"""A Python port of AgentMem's add pipeline: its strategies and its write pattern, not its Rust code.

Source: github.com/louloulin/AgentMem, crates/agent-mem/src: `orchestrator/storage.rs` (`add_memory_fast`),
`orchestrator/batch.rs` (`add_memory_batch_optimized`) and `history.rs`.

Unchanged: the order of the stages, what is batched and what is not, the fields of a point and of a history row, the
history's pool of five connections with SQLite's defaults (a rollback journal, a commit per row, each of which waits for
the disk), and that an error of the history is logged and the memory acknowledged all the same.

Changed:

- AgentMem starts the writes of a single add together, on one task. Here, the point comes first and then the history
  row: handing one of them to a thread costs more than it would hide.
- In a batch, the text is part of the point, as in AgentMem's single add, so that it can be read back. AgentMem leaves
  it to the memory manager.
- The option `history=together` replaces the history's journal by a write-ahead log, and lets adds that come at the same
  time share a commit. That is not AgentMem: it shows what AgentMem would gain.

Omitted: the core-memory writer (a persona block in memory) and the memory-manager writer (a second copy of the text in
its own database, one row at a time), both of which run beside the vector and history writers; searches, LLM reasoning
and the HTTP layer.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from membench_backends.base import BackendInfo, Capabilities, Parts, Point, StoredMemory
from membench_backends.readback import added_texts, stored_memories
from membench_backends.stages import mark, now_ns

if TYPE_CHECKING:
    from membench_backends.systems.agentmem_history import History, Row

_AGENT_ID = "default"


class AgentMemOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the history is written."""

    history: Annotated[
        Literal["as-shipped", "together"],
        msgspec.Meta(
            description="a commit per row, as AgentMem does, or one for all adds that wait, in a write-ahead log"
        ),
    ] = "as-shipped"


class AgentMemBackend:
    """A Python port of AgentMem's add pipeline: embed, write the vector store, write the history."""

    def __init__(self, parts: Parts) -> None:
        assert parts.strategy is not None, "a backend that embeds is built with a strategy"
        assert parts.store is not None, "a backend that stores is built with a store"
        # Imported here because the console imports this module for INFO and must start fast.
        from concurrent.futures import ThreadPoolExecutor

        from membench_backends.systems.agentmem_history import POOL_SIZE, GroupedHistory, PooledHistory

        options = parts.options or AgentMemOptions()
        self._strategy = parts.strategy
        self._store = parts.store
        self._store.create(parts.dimensions)
        self._history_path = parts.folder / "history.db"
        history = GroupedHistory if options.history == "together" else PooledHistory
        self._history: History = history(self._history_path)
        self._writers = ThreadPoolExecutor(POOL_SIZE, thread_name_prefix="agentmem-history")

    def add(self, text: str, user_id: str) -> None:
        """Store one memory as AgentMem's `add_for_user` does."""
        self.add_for_user(text, user_id)

    def add_batch(self, texts: Sequence[str], user_id: str) -> None:
        """Store a list as AgentMem's `add_batch_optimized` does."""
        self.add_batch_optimized(texts, user_id)

    def add_for_user(self, text: str, user_id: str) -> str:
        """Embed a text, write its point, then its history row; both are written when this returns.

        Returns:
            The id of the memory.
        """
        begin = now_ns()
        vector = self._strategy.embed(text)
        begin = mark("embed", begin)
        point = _point(text, user_id, vector.tolist())
        self._store.upsert([point])
        begin = mark("store", begin)
        self._history.add([_history_row(point)])
        mark("history", begin)
        return point.id

    def add_batch_optimized(self, texts: Sequence[str], user_id: str) -> list[str]:
        """Embed a list in one call, then write all points at once while the history rows are written.

        Returns:
            The ids of the memories, in the order of the texts.
        """
        if not texts:
            return []
        begin = now_ns()
        vectors = self._strategy.embed_batch(texts).tolist()
        begin = mark("embed", begin)
        points = [_point(text, user_id, vector) for text, vector in zip(texts, vectors, strict=True)]
        rows = self._writers.submit(self._history.add, list(map(_history_row, points)))
        try:
            self._store.upsert(points)
            begin = mark("store", begin)
        finally:
            rows.result()
        mark("history", begin)
        return [point.id for point in points]

    def stored(self) -> Iterator[StoredMemory]:
        """Yield every memory in the vector store, in no particular order."""
        return stored_memories(self._store)

    def history(self) -> Iterator[str]:
        """Yield the text of each addition that the history records."""
        return added_texts(self._history_path)

    def close(self) -> None:
        """Stop the history writers and close the history."""
        self._writers.shutdown()
        self._history.close()


def _point(text: str, user_id: str, vector: list[float]) -> Point:
    payload = {
        "data": text,
        "hash": hashlib.sha256(text.encode()).hexdigest(),
        "created_at": _now(),
        "user_id": user_id,
        "agent_id": _AGENT_ID,
    }
    return Point(_new_id(), vector, payload)


def _history_row(point: Point) -> Row:
    payload = point.payload
    return (_new_id(), point.id, None, payload["data"], "ADD", payload["created_at"], None, 0, None, "user")


def _new_id() -> str:
    """Return a random UUID of version 4. `uuid.uuid4` would call the system, and release the GIL to do so."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def _now() -> str:
    return datetime.now(UTC).isoformat()


INFO = BackendInfo(
    name="agentmem",
    summary="Python port of AgentMem's add pipeline: embed, vector store, history.",
    capabilities=Capabilities(embeds=True, stores=True, batch_call=True),
    build=AgentMemBackend,
    version_label="port",
    default_strategies=("mutex", "queue"),
    note="A Python port, not AgentMem itself (Rust): it shows the cost of AgentMem's pattern, not of its code.",
    options=AgentMemOptions,
)
