from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from threading import Event, Thread
from types import SimpleNamespace

import numpy as np
import pytest

from membench_backends.base import Parts
from membench_backends.systems.mem0 import INFO, Mem0Backend, Mem0Options

DIMENSIONS = 32
SAFE_STORES = ["local", "local-path", "edge"]

# Mem0 creates payload indexes, and a local Qdrant warns that it ignores them.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")


@pytest.fixture
def build(open_store, strategy, tmp_path):
    opened = []

    def make(store, **options):
        folder = tmp_path / f"mem0-{len(opened)}"
        folder.mkdir()
        opened.append(Mem0Backend(Parts(strategy, open_store(store), DIMENSIONS, folder, Mem0Options(**options))))
        return opened[-1]

    yield make
    for backend in opened:
        backend.close()


def history(backend):
    rows = backend.memory.db.connection.execute("SELECT memory_id, new_memory, event FROM history").fetchall()
    return {memory_id: (text, event) for memory_id, text, event in rows}


def assert_stored(backend, strategy, texts):
    stored = list(backend.stored())
    assert sorted(memory.text for memory in stored) == sorted(texts)
    for memory in stored:
        assert memory.vector == pytest.approx(strategy.vector(memory.text.replace("\n", " ")).tolist(), abs=1e-6)


@pytest.mark.parametrize("store", [*SAFE_STORES, "local-unlocked"])
def test_every_added_memory_is_stored_with_its_vector(build, strategy, store):
    backend = build(store)
    backend.add("likes tea", "ada")
    backend.add_batch(["likes coffee", "lives in\nParis"], "bob")

    assert_stored(backend, strategy, ["likes tea", "likes coffee", "lives in\nParis"])
    assert strategy.singles == ["likes tea", "likes coffee", "lives in Paris"]
    assert strategy.batches == []


@pytest.mark.parametrize("option", ["as-shipped", "together"])
@pytest.mark.parametrize("store", SAFE_STORES)
def test_the_audit_reads_users_and_history_back(build, store, option):
    backend = build(store, history=option)
    backend.add("likes tea", "ada")
    backend.add("lives in\nParis", "bob")

    assert {memory.text: memory.user_id for memory in backend.stored()} == {
        "likes tea": "ada",
        "lives in\nParis": "bob",
    }
    assert sorted(backend.history()) == ["likes tea", "lives in\nParis"]
    backend.memory.db.connection.execute("DELETE FROM history WHERE new_memory = 'likes tea'")
    backend.memory.db.connection.commit()
    assert list(backend.history()) == ["lives in\nParis"]


@pytest.mark.parametrize("option", ["as-shipped", "together"])
@pytest.mark.parametrize("store", SAFE_STORES)
def test_the_history_has_a_row_for_every_memory(build, store, option):
    backend = build(store, history=option)
    backend.add_batch([f"text {i}" for i in range(5)], "ada")

    assert sorted(history(backend).values()) == [(f"text {i}", "ADD") for i in range(5)]


@pytest.mark.parametrize("option", ["as-shipped", "together"])
@pytest.mark.parametrize("store", SAFE_STORES)
def test_concurrent_adds_lose_nothing(build, strategy, in_threads, store, option):
    backend = build(store, history=option)

    in_threads(8, lambda k: [backend.add(f"text {k} {i}", f"user-{k}") for i in range(12)])

    texts = [f"text {k} {i}" for k in range(8) for i in range(12)]
    assert_stored(backend, strategy, texts)
    assert len(history(backend)) == len(texts)


def columns(backend):
    """Return the history without the columns that differ in every row: ids and times."""
    query = "SELECT old_memory, new_memory, event, is_deleted, actor_id, role FROM history ORDER BY new_memory"
    return backend.memory.db.connection.execute(query).fetchall()


def test_the_history_is_mem0s_own_as_shipped_and_a_subclass_of_it_together(build):
    from mem0.memory.storage import SQLiteManager

    shipped, together = build("edge"), build("edge", history="together")
    for backend in (shipped, together):
        backend.add_batch(["likes tea", "likes coffee"], "ada")

    assert INFO.options().history == "as-shipped"
    assert type(shipped.memory.db) is SQLiteManager
    assert isinstance(together.memory.db, SQLiteManager)
    for backend, journal in ((shipped, "delete"), (together, "wal")):
        execute = backend.memory.db.connection.execute
        assert execute("PRAGMA journal_mode").fetchone() == (journal,)
        assert execute("PRAGMA synchronous").fetchone() == (2,)
    assert columns(shipped) == columns(together)


def test_together_rows_that_wait_share_a_commit(build, tmp_path):
    backend = build("edge", history="together")
    statements = []
    backend.memory.db.connection.set_trace_callback(statements.append)

    with closing(sqlite3.connect(backend.memory.db.db_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writers = [Thread(target=backend.add, args=(f"text {k}", "ada")) for k in range(8)]
        for writer in writers:
            writer.start()
        pause = Event()
        while len(backend.memory.db._commit._pending) < 7:  # one leads, and seven wait for it
            pause.wait(0.01)
        other.execute("COMMIT")
        for writer in writers:
            writer.join()

    assert statements.count("COMMIT") == 2
    assert len(history(backend)) == 8


@pytest.mark.parametrize("store", SAFE_STORES)
def test_there_is_no_bm25_without_its_model(build, store):
    backend = build(store)
    backend.add("likes tea", "ada")

    assert backend.writes_bm25() is False


@pytest.mark.parametrize(("store", "written"), [("local", True), ("local-path", True), ("edge", False)])
def test_bm25_is_on_where_mem0_has_its_model_and_the_store_has_a_slot(build, monkeypatch, store, written):
    import fastembed

    sparse = SimpleNamespace(indices=np.array([3]), values=np.array([1.0]))
    encoder = SimpleNamespace(embed=lambda texts: [sparse for _ in texts])
    monkeypatch.setattr(fastembed, "SparseTextEmbedding", lambda model_name: encoder)
    backend = build(store)
    assert backend.writes_bm25() is False
    backend.add("likes tea", "ada")

    assert backend.writes_bm25() is written
    if written:
        (point,) = backend.memory.vector_store.client.scroll("memories", with_vectors=True)[0]
        assert point.vector["bm25"].indices == [3]
    assert [memory.text for memory in backend.stored()] == ["likes tea"]


def test_mem0_runs_its_own_classes_on_the_client_of_the_store(open_store, strategy, tmp_path):
    from mem0 import Memory
    from mem0.vector_stores.qdrant import Qdrant

    store = open_store("local")
    backend = Mem0Backend(Parts(strategy, store, DIMENSIONS, tmp_path))

    assert type(backend.memory) is Memory
    assert type(backend.memory.vector_store) is Qdrant
    assert backend.memory.vector_store.client is store.client
    assert hasattr(store.client, "_lock")
    backend.close()


def test_a_memory_is_stored_with_its_user(open_store, strategy, tmp_path):
    store = open_store("local")
    backend = Mem0Backend(Parts(strategy, store, DIMENSIONS, tmp_path))
    backend.add("likes tea", "ada")

    (point,) = store.points()

    assert point.payload["user_id"] == "ada"
    backend.close()


def test_mem0_searches_through_the_adapter(build):
    backend = build("edge")
    for user in ("ada", "bob"):
        backend.add_batch([f"{user} {i}" for i in range(5)], user)

    hits = backend.memory.search("bob 3", filters={"user_id": "bob"}, top_k=2)["results"]

    assert hits[0]["memory"] == "bob 3"
    assert {hit["user_id"] for hit in hits} == {"bob"}


def test_the_adapter_refuses_operations_that_a_store_lacks(build):
    adapter = build("edge").memory.vector_store

    with pytest.raises(NotImplementedError, match="only adds and searches"):
        adapter.delete("some id")
    with pytest.raises(NotImplementedError, match="not by agent_id"):
        adapter.search("tea", [0.0] * DIMENSIONS, filters={"agent_id": "x"})


def test_the_history_file_is_in_the_folder_of_the_run(open_store, strategy, tmp_path):
    backend = Mem0Backend(Parts(strategy, open_store("edge"), DIMENSIONS, tmp_path))
    backend.add("likes tea", "ada")
    backend.close()

    with sqlite3.connect(tmp_path / "history.db") as connection:
        assert connection.execute("SELECT count(*) FROM history").fetchone() == (1,)


def test_a_missing_model_of_spacy_is_not_downloaded(build, strategy, monkeypatch):
    downloads = []
    spacy = SimpleNamespace(util=SimpleNamespace(is_package=lambda name: False), load=lambda *_, **__: 1 / 0)
    monkeypatch.setitem(sys.modules, "spacy", spacy)
    monkeypatch.setitem(sys.modules, "spacy.cli", SimpleNamespace(download=downloads.append))
    monkeypatch.setattr("mem0.utils.spacy_models._load_failed_lemma", False)
    backend = build("local")
    backend.add("likes tea", "ada")

    assert downloads == []
    assert_stored(backend, strategy, ["likes tea"])
