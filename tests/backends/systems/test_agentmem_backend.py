from __future__ import annotations

import hashlib
import sqlite3
import uuid
from contextlib import closing

import pytest

from membench_backends.base import Parts
from membench_backends.systems.agentmem import INFO, AgentMemBackend

DIMENSIONS = 32


@pytest.fixture(params=["local", "edge"])
def store(request, open_store):
    return open_store(request.param)


@pytest.fixture
def backend(store, strategy, tmp_path):
    backend = AgentMemBackend(Parts(strategy, store, DIMENSIONS, tmp_path))
    yield backend
    backend.close()


def history(folder):
    """Return the text of every added memory by its id, read from the history file."""
    with closing(sqlite3.connect(folder / "history.db")) as connection:
        return dict(connection.execute("SELECT memory_id, new_memory FROM history WHERE event = 'ADD'"))


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


def test_a_failed_write_fails_the_batch(backend, store, monkeypatch):
    def full(points):
        raise OSError("no space left")

    monkeypatch.setattr(store, "upsert", full)

    with pytest.raises(OSError, match="no space left"):
        backend.add_batch(["likes tea"], "ada")


def test_the_description_says_that_it_is_a_port():
    assert "port" in INFO.summary
    assert "port" in INFO.note
    assert INFO.default_strategies == ("mutex", "queue", "pool")
