"""The history: whole records, light rows, deletion with undo, and never an obstacle to a run."""

from __future__ import annotations

import os
import sqlite3
import stat
import zlib
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from membench.results.history import (
    MIGRATIONS,
    UNDO,
    History,
    HistoryError,
    HistoryWriter,
    UnknownRunError,
    history_files,
    history_path,
)
from membench.results.record import SCHEMA
from membench.session.measurement import Measurement


@pytest.fixture
def record(spec, tick):
    """A factory of records of a run that went well."""
    measurement = Measurement(spec(clients=2))
    for number in range(12):
        measurement.feed(tick(elapsed_s=number / 10 + 0.1))
    whole = measurement.record("ok")

    def make(run_id, minute=0, **changes):
        started_at = datetime(2026, 3, 1, 12, minute, tzinfo=UTC).isoformat(timespec="milliseconds")
        return msgspec.structs.replace(whole, run_id=run_id, started_at=started_at, **changes)

    return make


@pytest.fixture
def history():
    """An empty history at its usual path."""
    with History(create=True) as opened:
        yield opened


def names(history, *words):
    return [row.run_id for row in history.runs(words)]


def test_a_record_is_read_as_it_was_added(history, record):
    added = record("abc", strategy_options={"batch": 64, "wait_ms": 2.5}, environment={"cpu": "a fast one"})
    history.add(added)

    assert history.record("abc") == added
    assert added.latency_hdr is not None and len(added.memories_per_s_windows) == 10


def test_runs_are_listed_the_newest_first(history, record):
    for minute, run_id in enumerate(("first", "second", "third")):
        history.add(record(run_id, minute, memories_per_s=float(minute), latency_p99_ms=1.5, verdict="lock-bound"))
    newest = history.runs()[0]

    assert names(history) == ["third", "second", "first"]
    run = newest.figures
    assert (run.memories_per_s, run.latency_p99_ms, newest.verdict) == (2.0, 1.5, "lock-bound")
    assert (run.backend, run.strategy, run.store, run.clients) == ("mem0", "mutex", "local", 2)
    assert (run.latency_hdr, run.locks, run.memories_per_s_windows) == (None, None, None), "rows are light"
    assert (newest.state, newest.reference) == ("ok", False)


def test_every_word_must_occur_in_a_row(history, record):
    history.add(record("one", strategy="shared", verdict="lock-bound"))
    history.add(record("two", strategy="adaptive", verdict="lock-bound"))
    history.add(record("three", strategy="adaptive", verdict="compute-bound"))
    history.set_reference("three", True)

    assert set(names(history, "adaptive")) == {"two", "three"}
    assert names(history, "Lock", "ADAPT") == ["two"]
    assert names(history, "reference") == ["three"]
    assert names(history, "adaptive", "nothing-like-it") == []
    history.add(record("four", backend_options={"history": "together"}))
    assert names(history, "history=together") == ["four"]


def test_a_run_is_named_by_its_first_letters_or_its_age(history, record):
    for minute, run_id in enumerate(("ab1", "ab2", "abc", "ab2c")):
        history.add(record(run_id, minute))

    assert [history.resolve(word) for word in ("ab1", "ab2", "ab2c", "last", "last~1", "last~3")] == [
        "ab1", "ab2", "ab2c", "ab2c", "abc", "ab1",
    ]  # fmt: skip
    with pytest.raises(UnknownRunError, match="several runs: ab1, ab2"):
        history.resolve("ab")
    for word in ("x", "last~4", "%", ""):
        with pytest.raises(UnknownRunError):
            history.resolve(word)


def test_undo_restores_what_was_deleted_last(history, record):
    for minute, run_id in enumerate("abcd"):
        history.add(record(run_id, minute))
    history.delete(["a"])
    history.delete(["b", "c"])

    assert names(history) == ["d"]
    assert history.undo() == 2
    assert names(history) == ["d", "c", "b"]
    assert history.undo() == 1
    assert history.undo() == 0
    assert names(history) == ["d", "c", "b", "a"]


def test_runs_deleted_long_ago_are_gone(history, record):
    history.add(record("old"))
    history.delete(["old"])
    with sqlite3.connect(history_path()) as database:
        database.execute(
            "UPDATE runs SET deleted_at = ?", [(datetime.now(UTC) - UNDO - timedelta(hours=1)).isoformat()]
        )
    database.close()
    history.add(record("new"))

    assert history.undo() == 0
    assert names(history) == ["new"]


def test_expected_time_is_that_of_earlier_runs_of_the_task(history, record, spec):
    for run_id, wall_s in (("a", 10.0), ("b", 12.0), ("c", 30.0)):
        history.add(record(run_id, took_s=wall_s))
    history.add(record("failed", status="failed", took_s=1.0))
    history.add(record("other", strategy="shared", took_s=100.0))

    assert history.expected_s(spec(clients=2)) == 12.0
    assert history.expected_s(spec(clients=3)) is None
    assert history.expected_s(spec(clients=2, items=11)) is None
    assert history.expected_s(spec(clients=2, backend_options={"history": "together"})) is None


OLD_TABLE = """CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, started_at TEXT NOT NULL, scenario TEXT NOT NULL, backend TEXT NOT NULL,
    strategy TEXT, store TEXT, clients INTEGER NOT NULL, precision TEXT, embedder TEXT, weights TEXT,
    ops_per_s REAL, latency_p99_ms REAL, time_lock REAL, lost INTEGER, duplicated INTEGER, corrupted INTEGER,
    status TEXT NOT NULL, error TEXT, verdict TEXT, reference INTEGER NOT NULL DEFAULT 0, task TEXT NOT NULL,
    wall_s REAL, deleted_at TEXT, record BLOB NOT NULL
)"""


def old_record(record):
    """The record as version 1 of the file stores it: schema 1, compressed."""
    document = {**msgspec.to_builtins(record), "schema": 1, "loop": "closed", "ops_per_s": record.memories_per_s}
    del document["memories_per_s"], document["corpus"], document["seed"]
    return zlib.compress(msgspec.json.encode(document))


@pytest.fixture
def old_history(record):
    """A history of version 1 with a reference, a deleted run, and a damaged one."""
    history_path().parent.mkdir(parents=True)
    database = sqlite3.connect(history_path())
    database.execute(OLD_TABLE)
    database.execute("CREATE INDEX runs_by_time ON runs (started_at)")
    database.execute("CREATE INDEX runs_by_task ON runs (task, started_at)")
    now = datetime.now(UTC).isoformat()
    for minute, (run_id, deleted_at, content) in enumerate(
        (
            ("reference", None, old_record(record("reference", 0))),
            ("deleted", now, old_record(record("deleted", 1))),
            ("damaged", None, b"not a record"),
        )
    ):
        database.execute(
            "INSERT INTO runs (run_id, started_at, scenario, backend, clients, status, reference, task, wall_s, "
            "deleted_at, record) VALUES (?, ?, 'quick', 'mem0', 2, 'ok', ?, '[]', 12.0, ?, ?)",
            [run_id, record("any", minute).started_at, run_id == "reference", deleted_at, content],
        )
    database.execute("PRAGMA user_version = 1")
    database.commit()
    database.close()


def test_a_history_of_version_1_is_migrated(old_history, record, spec):
    with History() as history:
        (row,) = history.runs()
        migrated = history.record("reference")

        assert (row.run_id, row.reference, row.figures.memories_per_s) == ("reference", True, migrated.memories_per_s)
        assert migrated.memories_per_s == record("any").memories_per_s
        assert (migrated.corpus, migrated.seed, migrated.schema) == (None, None, SCHEMA)
        assert history.expected_s(spec(clients=2)) == 12.0
        assert history.undo() == 1
        assert set(names(history)) == {"reference", "deleted"}


def test_a_damaged_run_survives_the_migration_in_the_old_table(old_history):
    with History():
        pass
    database = sqlite3.connect(history_path())

    assert database.execute("SELECT run_id, record FROM runs_1").fetchall() == [("damaged", b"not a record")]
    database.close()


def test_a_migrated_history_drops_the_old_table(record, own_folders):
    history_path().parent.mkdir(parents=True)
    database = sqlite3.connect(history_path())
    database.execute(OLD_TABLE)
    database.execute("CREATE INDEX runs_by_time ON runs (started_at)")
    database.execute("CREATE INDEX runs_by_task ON runs (task, started_at)")
    database.execute("PRAGMA user_version = 1")
    database.commit()
    with History() as history:
        history.add(record("new"))
        assert names(history) == ["new"]

    assert {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} == {"runs"}
    database.close()


def test_reading_a_missing_history_creates_no_file(own_folders):
    with History() as history:
        assert history.runs() == []
        assert history.undo() == 0
    assert not (own_folders / "data").exists()


def test_two_programs_can_add_runs_at_the_same_time(record):
    with History(create=True) as one, History(create=True) as other:
        one.add(record("a", 0))
        other.add(record("b", 1))

        assert names(one) == names(other) == ["b", "a"]


def test_a_newer_history_is_left_alone(record):
    with History(create=True) as history:
        history.add(record("a"))
    with sqlite3.connect(history_path()) as database:
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    database.close()

    with History() as history:
        assert "was written by a newer membench-tui, so this one only reads it" in history.notice
        assert names(history) == ["a"] and history.record("a") == record("a")
        with pytest.raises(HistoryError, match="newer membench-tui"):
            history.delete(["a"])
    writer = HistoryWriter()
    assert "newer" in writer.add(record("b")) and "newer" in writer.problem
    with History() as history:
        assert names(history) == ["a"]


def test_the_history_and_the_files_beside_it_are_private(record):
    history_path().parent.mkdir(parents=True)
    umask = os.umask(0)
    try:
        with History(create=True) as history:
            history.add(record("a"))
            assert {stat.S_IMODE(path.stat().st_mode) for path in history_files() if path.exists()} == {0o600}
            for path in history_files()[:3]:
                path.chmod(0o666)
        with History() as history:
            history.runs()
            assert {stat.S_IMODE(path.stat().st_mode) for path in history_files() if path.exists()} == {0o600}
    finally:
        os.umask(umask)


def packed(record, **changes):
    return zlib.compress(msgspec.json.encode(msgspec.to_builtins(record) | changes))


DAMAGE = {
    "a record that is not compressed": ("record = x'00'", ""),
    "a record that ends early": ("record = substr(record, 1, length(record) - 20)", "end of its record is missing"),
    "no record": ("record = 7", "its record is missing"),
    "a summary of another type": ("summary = 7", "damaged"),
    "a summary that is not UTF-8": ("summary = x'ff7b7d'", "damaged"),
    "a name that is not UTF-8": ("run_id = CAST(x'ff41' AS TEXT)", "damaged-1"),
    "no name": ("run_id = NULL", "damaged-1"),
    "a time of another type": ("started_at = 7, summary = '7'", "damaged"),
    "a nested summary": (f"summary = CAST('{'[' * 5000}' AS BLOB)", "damaged"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_row_is_shown_as_damaged_and_hides_no_other(history, record, kind):
    history.add(record("a"))
    history.add(record("b", 1))
    change, _ = DAMAGE[kind]
    with sqlite3.connect(history_path(), isolation_level=None) as database:
        database.execute(f"UPDATE runs SET {change} WHERE rowid = 1")
    database.close()
    rows = {row.run_id: row for row in history.runs()}
    (name,) = rows.keys() - {"b"}

    assert rows["b"].state == "ok" and history.record("b") == record("b", 1)
    assert history.resolve(name) == name
    if rows[name].state == "damaged":
        assert rows[name].error.startswith("damaged: ") and rows[name].clients_text == "–"
    else:
        with pytest.raises(HistoryError, match=f"run {name} is damaged"):
            history.record(name)
    history.delete([name])
    assert names(history) == ["b"] and history.undo() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"clients": -1}, {"memories_per_s": -1.0}, {"latency_p99_ms": 1e300}, {"time_lock": 1e17}, {"started_at": "x"},
        {"started_at": "0001-01-01"}, {"schema": "3"}, {"schema": 9}, {"latency_hdr": "HISTnot"}, {"locks": 7},
        {"client_longest_ms": [1.0] * 3}, {"repeats_started_at": ["x"]}, {"error_kinds": [1]}, {"status": "fine"},
    ],
    ids=str,
)  # fmt: skip
def test_a_record_with_an_impossible_field_is_damaged(history, record, changes):
    history.add(record("a"))
    with sqlite3.connect(history_path(), isolation_level=None) as database:
        database.execute("UPDATE runs SET record = ?", [packed(record("a"), **changes)])
    database.close()

    with pytest.raises(HistoryError, match="run a is damaged: "):
        history.record("a")


def test_odd_times_do_not_predict_how_long_a_run_takes(history, record, spec):
    for run_id, wall_s in (("a", 10.0), ("b", "long"), ("c", -5.0), ("d", 1e300), ("e", b"")):
        history.add(record(run_id))
        with sqlite3.connect(history_path(), isolation_level=None) as database:
            database.execute("UPDATE runs SET wall_s = ? WHERE run_id = ?", [wall_s, run_id])
        database.close()
    assert history.expected_s(spec(clients=2)) == 10.0


def test_another_file_is_not_a_history(record):
    history_path().parent.mkdir(parents=True)
    history_path().write_text("not a database at all, " * 100)

    with pytest.raises(HistoryError, match=r"history\.sqlite3: file is not a database"):
        History()
    assert history_path().read_text().startswith("not a database")


def test_a_damaged_layout_is_a_damaged_file(record):
    with History(create=True) as history:
        history.add(record("a"))
    content = history_path().read_bytes()
    history_path().write_bytes(content.replace(b"started_at TEXT NOT NULL", b"started_at TEXT NOT \x9cULL", 1))

    with pytest.raises(HistoryError, match=r"history\.sqlite3: the file is damaged"), History() as history:
        history.runs()
    assert "the file is damaged" in HistoryWriter().add(record("b"))


class TestHistoryWriter:
    def test_runs_are_added_with_the_time_they_took(self, record, spec):
        assert HistoryWriter().add(record("a", took_s=30.0)) == ""
        with History() as history:
            assert names(history) == ["a"]
            assert history.expected_s(spec(clients=2)) == 30.0

    def test_a_run_takes_the_place_of_its_earlier_repeats(self, record):
        writer = HistoryWriter()
        writer.add(record("a", status="partial", error="1 of 2 repeats measured"))
        writer.add(record("a"))
        with History() as history:
            assert [(row.run_id, row.state) for row in history.runs()] == [("a", "ok")]

    def test_a_history_that_cannot_be_written_is_reported_once_and_retried(self, tmp_path, record):
        (tmp_path / "file").write_text("")
        path = tmp_path / "file" / "history.sqlite3"
        writer = HistoryWriter(path)
        first, second = writer.add(record("a")), writer.add(record("b", 1))
        (tmp_path / "file").unlink()

        assert "cannot be written" in first and first.endswith("results are missing from it")
        assert second == writer.add(record("c", 2)) == ""
        with History(path) as history:
            assert names(history) == ["c", "b", "a"]

    def test_a_locked_history_costs_a_line(self, record, monkeypatch):
        monkeypatch.setattr("membench.results.history.LOCKED_S", 0.0)
        with History(create=True):
            holder = sqlite3.connect(history_path(), isolation_level=None)
            holder.execute("BEGIN IMMEDIATE")
            writer = HistoryWriter()

            assert "database is locked" in writer.add(record("a"))
            holder.execute("ROLLBACK")
            holder.close()
            assert writer.add(record("b", 1)) == ""
        with History() as history:
            assert names(history) == ["b", "a"]
