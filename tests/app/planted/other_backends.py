"""Backends whose clients wait for a worker, a database, a store or the interpreter's lock, not for a lock of Python."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path

from lock_backends import spin
from membench_backends.base import Parts
from membench_backends.stages import mark, now_ns
from planted_backends import Planted, Served, embed_and_store, info


class Spinning(Planted):
    """A wait for something outside, next to a thread that runs Python code."""

    def __init__(self, parts: Parts) -> None:
        threading.Thread(target=spin, daemon=True).start()

    def add(self, text: str, user_id: str) -> None:
        time.sleep(0.02)


class StoreNextToSpinner(Spinning):
    """A store that takes 95 % of an operation, next to a thread that runs Python code."""

    def add(self, text: str, user_id: str) -> None:
        embed_and_store(0.001, 0.04)


class Workers(Served):
    """A thread per core that computes what clients wait for."""

    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class LockedDatabase(Planted):
    """A database in which another connection holds the write lock nine tenths of the time."""

    def __init__(self, parts: Parts) -> None:
        self._path = Path(parts.folder) / "planted.db"
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("create table if not exists memory (text)")
        connection.close()
        self._local = threading.local()
        threading.Thread(target=self._occupy, daemon=True).start()

    def add(self, text: str, user_id: str) -> None:
        connection = self._connection()
        start_ns = now_ns()
        connection.execute("insert into memory values (?)", (text,))
        mark("store", start_ns)

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._local, "connection"):
            self._local.connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        connection: sqlite3.Connection = self._local.connection
        return connection

    def _occupy(self) -> None:
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        while True:
            connection.execute("begin immediate")
            time.sleep(0.05)
            connection.execute("commit")
            time.sleep(0.005)


class UnmarkedDatabase(LockedDatabase):
    """The same, without a mark that says so: nothing shows what clients wait for."""

    def add(self, text: str, user_id: str) -> None:
        self._connection().execute("insert into memory values (?)", (text,))


SPINNING = info("spinning", Spinning)
STORE_NEXT_TO_SPINNER = info("store-next-to-spinner", StoreNextToSpinner)
WORKER = info("worker", Served)
WORKERS = info("workers", Workers)
LOCKED_DATABASE = info("locked-database", LockedDatabase)
UNMARKED_DATABASE = info("unmarked-database", UnmarkedDatabase)
