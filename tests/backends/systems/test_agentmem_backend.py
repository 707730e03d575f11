from __future__ import annotations

import hashlib
import sqlite3
import uuid
from contextlib import closing
from threading import Event, Thread

import pytest

from membench_backends.base import Parts
from membench_backends.systems import agentmem_history
from membench_backends.systems.agentmem import INFO, AgentMemBackend, AgentMemOptions

DIMENSIONS = 32


@pytest.fixture(params=["local", "edge"])
def store(request, open_store):
    return open_store(request.param)


@pytest.fixture
def build(store, strategy, tmp_path):
    """Return a function that builds the backend with options; the backends are closed after the test."""
    opened = []

    def make(**options):
        opened.append(AgentMemBackend(Parts(strategy, store, DIMENSIONS, tmp_path, AgentMemOptions(**options))))
        return opened[-1]

    yield make
    for backend in opened:
        backend.close()


@pytest.fixture(params=["as-shipped", "together"])
def backend(request, build):
    return build(history=request.param)


def history(folder):
    """Return the text of every added memory by its id, read from the history file."""
    with closing(sqlite3.connect(folder / "history.db")) as connection:
        return dict(connection.execute("SELECT memory_id, new_memory FROM history WHERE event = 'ADD'"))


def commits(folder):
    """Return the number of transactions written so far: SQLite counts them in the header of a file without a WAL."""
    return int.from_bytes((folder / "history.db").read_bytes()[24:28], "big")


def journal_mode(folder):
    with closing(sqlite3.connect(folder / "history.db")) as connection:
        return connection.execute("PRAGMA journal_mode").fetchone()[0]


def assert_stored(backend, strategy, texts):
    stored = list(backend.stored())
    assert sorted(memory.text for memory in stored) == sorted(texts)
    for memory in stored:
        assert memory.vector == pytest.approx(strategy.vector(memory.text).tolist(), abs=1e-6)


def test_adding_a_memory_embeds_stores_and_records_it(backend, store, strategy, tmp_path):
    memory_id = backend.add_for_user("likes tea", "ada")

    (point,) = store.points()
    assert point.id == memory_id
    assert uuid.UUID(memory_id).version == 4
    assert point.payload["data"] == "likes tea"
    assert point.payload["user_id"] == "ada"
    assert point.payload["hash"] == hashlib.sha256(b"likes tea").hexdigest()
    assert history(tmp_path) == {memory_id: "likes tea"}
    assert strategy.singles == ["likes tea"]
    assert_stored(backend, strategy, ["likes tea"])


def test_a_batch_is_embedded_in_one_call_and_stored_in_one_call(backend, store, strategy, monkeypatch, tmp_path):
    upserts = []
    upsert = store.upsert
    monkeypatch.setattr(store, "upsert", lambda points: (upserts.append(len(points)), upsert(points)))
    texts = [f"text {i}" for i in range(20)]

    ids = backend.add_batch_optimized(texts, "ada")

    assert strategy.batches == [texts]
    assert strategy.singles == []
    assert upserts == [20]
    assert history(tmp_path) == dict(zip(ids, texts, strict=True))
    assert_stored(backend, strategy, texts)


def test_the_audit_reads_users_and_history_back(backend, tmp_path):
    backend.add("likes tea", "ada")
    backend.add_batch(["likes coffee", "likes milk"], "bob")

    assert {memory.text: memory.user_id for memory in backend.stored()} == {
        "likes tea": "ada", "likes coffee": "bob", "likes milk": "bob",
    }  # fmt: skip
    assert sorted(backend.history()) == ["likes coffee", "likes milk", "likes tea"]
    with closing(sqlite3.connect(tmp_path / "history.db")) as connection, connection:
        connection.execute("DELETE FROM history WHERE new_memory = 'likes milk'")
    assert sorted(backend.history()) == ["likes coffee", "likes tea"]


def test_an_empty_batch_does_nothing(backend, strategy):
    backend.add_batch([], "ada")

    assert strategy.batches == []
    assert list(backend.stored()) == []


def test_concurrent_adds_lose_nothing(backend, strategy, in_threads, tmp_path):
    def work(k):
        for i in range(10):
            backend.add(f"one {k} {i}", "ada")
        backend.add_batch([f"many {k} {i}" for i in range(10)], "ada")

    in_threads(8, work)

    texts = [f"{kind} {k} {i}" for kind in ("one", "many") for k in range(8) for i in range(10)]
    assert_stored(backend, strategy, texts)
    assert sorted(history(tmp_path).values()) == sorted(texts)


def test_points_are_written_one_by_one_whoever_else_writes(backend, store, in_threads, monkeypatch):
    upserts = []
    upsert = store.upsert
    monkeypatch.setattr(store, "upsert", lambda points: (upserts.append(len(points)), upsert(points)))

    in_threads(8, lambda k: [backend.add(f"text {k} {i}", "ada") for i in range(5)])

    assert upserts == [1] * 40


def test_as_shipped_every_row_has_its_own_commit_in_a_rollback_journal(build, in_threads, tmp_path):
    backend = build()
    before = commits(tmp_path)

    in_threads(8, lambda k: [backend.add(f"text {k} {i}", "ada") for i in range(5)])
    backend.add_batch([f"many {i}" for i in range(10)], "ada")

    assert commits(tmp_path) - before == 50
    assert journal_mode(tmp_path) == "delete"
    connections = backend._history._idle
    assert len(connections) <= agentmem_history.POOL_SIZE
    assert {connection.execute("PRAGMA synchronous").fetchone() for connection in connections} == {(2,)}


def test_as_shipped_a_writer_takes_a_connection_of_its_own_up_to_the_size_of_the_pool(build, tmp_path):
    history = build()._history
    with closing(sqlite3.connect(tmp_path / "history.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        rows = [(f"{n}", "m", None, "text", "ADD", "now", None, 0, None, "user") for n in range(8)]
        writers = [Thread(target=history.add, args=([row],)) for row in rows]
        for writer in writers:
            writer.start()
        pause = Event()
        while history._permits._value:
            pause.wait(0.01)
        assert not history._idle  # all five wait for the lock on the file
        other.execute("COMMIT")
        for writer in writers:
            writer.join()
    assert len(history._idle) == agentmem_history.POOL_SIZE


def test_together_rows_that_wait_share_a_commit_that_waits_for_the_disk(build, tmp_path):
    backend = build(history="together")
    connection, statements = backend._history._connection, []
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.set_trace_callback(statements.append)

    with closing(sqlite3.connect(tmp_path / "history.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writers = [Thread(target=backend.add, args=(f"text {k}", "ada")) for k in range(8)]
        for writer in writers:
            writer.start()
        pause = Event()
        while len(backend._history._commit._pending) < 7:  # one leads, and seven wait for it
            pause.wait(0.01)
        other.execute("COMMIT")
        for writer in writers:
            writer.join()

    assert statements.count("COMMIT") == 2
    assert sorted(history(tmp_path).values()) == sorted(f"text {k}" for k in range(8))


def test_a_list_longer_than_one_statement_is_written_whole(build, tmp_path):
    backend = build(history="together")
    texts = [f"text {i}" for i in range(2_100)]

    backend.add_batch(texts, "ada")

    assert sorted(history(tmp_path).values()) == sorted(texts)


@pytest.mark.parametrize("option", ["as-shipped", "together"])
def test_an_error_of_the_history_is_logged_and_the_memory_kept(build, option, monkeypatch, caplog, tmp_path):
    monkeypatch.setattr(agentmem_history, "BUSY_TIMEOUT_S", 0.01)
    backend = build(history=option)
    with closing(sqlite3.connect(tmp_path / "history.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        backend.add("likes tea", "ada")
        other.execute("ROLLBACK")
    backend.add("likes coffee", "ada")

    assert "database is locked" in caplog.text
    assert sorted(memory.text for memory in backend.stored()) == ["likes coffee", "likes tea"]
    assert list(history(tmp_path).values()) == ["likes coffee"]


def test_a_failed_write_fails_the_batch(backend, store, monkeypatch):
    def full(points):
        raise OSError("no space left")

    monkeypatch.setattr(store, "upsert", full)

    with pytest.raises(OSError, match="no space left"):
        backend.add_batch(["likes tea"], "ada")


def test_the_description_says_that_it_is_a_port():
    assert "port" in INFO.summary
    assert "port" in INFO.note
    assert INFO.default_strategies == ("mutex", "queue")
    assert INFO.options().history == "as-shipped"
