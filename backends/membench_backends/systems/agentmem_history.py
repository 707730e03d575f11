"""AgentMem's history: a SQLite file with one row per operation on a memory.

Source: github.com/louloulin/AgentMem, `crates/agent-mem/src/history.rs`.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Protocol

from membench_backends.group_commit import GroupCommit

POOL_SIZE = 5
"""Connections of AgentMem's pool."""
BUSY_TIMEOUT_S = 5.0
"""How long a statement waits for another connection's lock on the file: sqlx's default."""
_ROWS_PER_STATEMENT = 1000
"""Rows of one statement; SQLite limits the parameters of a statement."""

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS history (
        id TEXT PRIMARY KEY, memory_id TEXT NOT NULL, old_memory TEXT, new_memory TEXT, event TEXT NOT NULL,
        created_at TEXT NOT NULL, updated_at TEXT, is_deleted INTEGER NOT NULL DEFAULT 0, actor_id TEXT, role TEXT
    )""",
    "CREATE INDEX IF NOT EXISTS idx_history_memory_id ON history (memory_id)",
)
_INSERT = (
    "INSERT INTO history (id, memory_id, old_memory, new_memory, event, created_at, updated_at, is_deleted, "
    "actor_id, role) VALUES "
)
_PLACES = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

Row = tuple[str | int | None, ...]
"""The columns of one row, in the order of the table."""


class History(Protocol):
    """Records operations on memories. Every method may be called from any thread."""

    def add(self, rows: Sequence[Row]) -> None:
        """Write rows; they are on disk when this returns. As in AgentMem, an error is logged and not raised."""

    def close(self) -> None:
        """Close the file."""


class PooledHistory:
    """The history as AgentMem writes it: each row in its own commit, through a pool of connections.

    The file has SQLite's defaults: a rollback journal, and a commit that returns when the row is on disk. The
    connections exclude each other by SQLite's lock on the file; one that finds it locked sleeps and tries again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._permits = threading.Semaphore(POOL_SIZE)
        self._idle = deque([self._connect()])
        for statement in _SCHEMA:
            self._idle[0].execute(statement)

    def add(self, rows: Sequence[Row]) -> None:
        """Write rows, one after another; a row that cannot be written does not prevent the others."""
        for row in rows:
            with self._permits:
                connection = self._take()
                try:
                    connection.execute(_INSERT + _PLACES, row)
                except sqlite3.Error as error:
                    _log(error)
                finally:
                    self._idle.append(connection)

    def close(self) -> None:
        """Close all connections."""
        while self._idle:
            self._idle.popleft().close()

    def _take(self) -> sqlite3.Connection:
        """Return an idle connection, or a new one: the permits limit their number."""
        try:
            return self._idle.popleft()
        except IndexError:
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        return _connect(self._path)


class GroupedHistory:
    """The same rows through a write-ahead log, where callers that come at the same time share one commit.

    It is as durable as `PooledHistory`: a row is on disk when its caller returns. One connection writes all rows, so
    none waits for SQLite's lock on the file.
    """

    def __init__(self, path: Path) -> None:
        self._connection = _connect(path)
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", *_SCHEMA):
            self._connection.execute(statement)
        self._commit = GroupCommit(self._write)

    def add(self, rows: Sequence[Row]) -> None:
        """Write rows: all of them, or none."""
        try:
            self._commit(rows)
        except sqlite3.Error as error:
            _log(error)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _write(self, groups: Iterable[Sequence[Row]]) -> None:
        """Write the rows of several callers in one transaction.

        One statement writes many rows. Python releases the GIL at every step of a statement, and with twenty threads
        waiting for the GIL, each release makes this thread wait for its next turn.
        """
        rows = list(chain.from_iterable(groups))
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for start in range(0, len(rows), _ROWS_PER_STATEMENT):
                part = rows[start : start + _ROWS_PER_STATEMENT]
                places = ", ".join([_PLACES] * len(part))
                self._connection.execute(_INSERT + places, list(chain.from_iterable(part)))
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise


def _connect(path: Path) -> sqlite3.Connection:
    """Return a connection that commits after every statement."""
    return sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None)


def _log(error: sqlite3.Error) -> None:
    logging.getLogger(__name__).warning("history rows were not written: %r", error)
