"""A Python port of AgentMem's add pipeline: its strategies and its write pattern, not its Rust code.

Source: github.com/louloulin/AgentMem, crates/agent-mem/src: `orchestrator/storage.rs` (`add_memory_fast`),
`orchestrator/batch.rs` (`add_memory_batch_optimized`) and `history.rs`.

Unchanged: the order of the stages, what is batched and what is not, the fields of a point and of a history row.

Changed:

- The history uses SQLite's write-ahead log and does not sync to disk for every row. AgentMem keeps SQLite's defaults,
  so each add waits for the disk. The comparison is about sharing the model, not about disks.
- Memories that are ready while others are being written share the next write. AgentMem writes each on its own. In Rust
  that costs microseconds; in Python, twenty threads that take turns at two small writes spend their time on switching.
- In a batch, the text is part of the point, as in AgentMem's single add, so that it can be read back. AgentMem leaves
  it to the memory manager.
- A history row that cannot be written fails the call; AgentMem logs the error.

Omitted: the core-memory writer (a persona block in memory) and the memory-manager writer (a second copy of the text in
its own database, one row at a time), both of which run beside the vector and history writers; searches, LLM reasoning
and the HTTP layer.
"""

from __future__ import annotations

import hashlib
import random
import threading
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from membench_backends.base import BackendInfo, Capabilities, Parts, Point, StoredMemory
from membench_backends.group_commit import GroupCommit
from membench_backends.readback import added_texts, stored_memories
from membench_backends.stages import mark, now_ns

_AGENT_ID = "default"
_HISTORY_CONNECTIONS = 5
"""Concurrent history writers: the size of AgentMem's connection pool. SQLite lets only one of them write."""

_SCHEMA = """
    CREATE TABLE history (
        id TEXT PRIMARY KEY, memory_id TEXT NOT NULL, old_memory TEXT, new_memory TEXT, event TEXT NOT NULL,
        created_at TEXT NOT NULL, updated_at TEXT, is_deleted INTEGER NOT NULL DEFAULT 0, actor_id TEXT, role TEXT
    );
    CREATE INDEX history_memory_id ON history (memory_id);
"""
_INSERT = "INSERT INTO history (id, memory_id, new_memory, event, created_at, role) VALUES "
_ROW = "(?, ?, ?, ?, ?, ?)"


class AgentMemBackend:
    """A Python port of AgentMem's add pipeline: embed, write the vector store, write the history."""

    def __init__(self, parts: Parts) -> None:
        assert parts.strategy is not None, "a backend that embeds is built with a strategy"
        assert parts.store is not None, "a backend that stores is built with a store"
        # Imported here because the console imports this module for INFO and must start fast.
        from concurrent.futures import ThreadPoolExecutor

        self._strategy = parts.strategy
        self._store = parts.store
        self._store.create(parts.dimensions)
        self._history_path = parts.folder / "history.db"
        self._history = History(self._history_path)
        self._commit = GroupCommit(self._write_points)
        self._writers = ThreadPoolExecutor(_HISTORY_CONNECTIONS, thread_name_prefix="agentmem-history")

    def add(self, text: str, user_id: str) -> None:
        """Store one memory as AgentMem's `add_for_user` does."""
        self.add_for_user(text, user_id)

    def add_batch(self, texts: Sequence[str], user_id: str) -> None:
        """Store a list as AgentMem's `add_batch_optimized` does."""
        self.add_batch_optimized(texts, user_id)

    def add_for_user(self, text: str, user_id: str) -> str:
        """Embed a text, write its point, then its history row; both are written when this returns.

        AgentMem polls the two writes on one task. Here, handing one of them to a thread costs more than it would hide.
        Concurrent calls share their writes, see the module's docstring.

        Returns:
            The id of the memory.
        """
        begin = now_ns()
        vector = self._strategy.embed(text)
        mark("embed", begin)
        point = _point(text, user_id, vector.tolist())
        self._commit(point)
        return point.id

    def add_batch_optimized(self, texts: Sequence[str], user_id: str) -> list[str]:
        """Embed a list in one call, then write all points at once while the history rows are written one by one.

        Returns:
            The ids of the memories, in the order of the texts.
        """
        if not texts:
            return []
        begin = now_ns()
        vectors = self._strategy.embed_batch(texts).tolist()
        begin = mark("embed", begin)
        points = [_point(text, user_id, vector) for text, vector in zip(texts, vectors, strict=True)]
        rows = self._writers.submit(self._add_history, points)
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

    def _write_points(self, points: Sequence[Point]) -> None:
        begin = now_ns()
        self._store.upsert(points)
        begin = mark("store", begin)
        self._history.add(points)
        mark("history", begin)

    def _add_history(self, points: Sequence[Point]) -> None:
        for point in points:
            self._history.add([point])


class History:
    """The operations on each memory: a SQLite file with one row per operation."""

    def __init__(self, path: Path) -> None:
        import sqlite3

        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + _SCHEMA)

    def add(self, points: Sequence[Point]) -> None:
        """Record that memories were added: all of them, or none if this raises.

        One statement writes all rows. Python releases the GIL at every step of a statement, and with twenty threads
        waiting for the GIL, each release makes this thread wait for its next turn.
        """
        rows = [
            (_new_id(), point.id, point.payload["data"], "ADD", point.payload["created_at"], "user") for point in points
        ]
        with self._lock:
            self._connection.execute(_INSERT + ", ".join([_ROW] * len(rows)), list(chain.from_iterable(rows)))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def _point(text: str, user_id: str, vector: list[float]) -> Point:
    payload = {
        "data": text,
        "hash": hashlib.sha256(text.encode()).hexdigest(),
        "created_at": _now(),
        "user_id": user_id,
        "agent_id": _AGENT_ID,
    }
    return Point(_new_id(), vector, payload)


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
    default_strategies=("mutex", "queue", "pool"),
    note="A Python port, not AgentMem itself (Rust): it shows the cost of AgentMem's pattern, not of its code.",
)
