"""What systems stored, read back for the audit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from membench_backends.base import StoredMemory, VectorStore


def stored_memories(store: VectorStore) -> Iterator[StoredMemory]:
    """Yield the memories of a store whose payloads have the text as `data` and the user as `user_id`."""
    for point in store.points():
        yield StoredMemory(point.payload["data"], point.vector, point.payload.get("user_id"))


def added_texts(history: Path) -> Iterator[str]:
    """Yield the text of each addition in a history file, through a connection of its own: only what is committed.

    Mem0 and AgentMem name the table and its columns alike.

    Raises:
        sqlite3.Error: The file cannot be read.
    """
    import sqlite3

    with closing(sqlite3.connect(f"{history.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        for (text,) in connection.execute("SELECT new_memory FROM history WHERE event = 'ADD'"):
            yield text
