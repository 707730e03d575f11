"""The history: kept whole, listed lightly, deleted with a way back, and never in the way of a run."""

from __future__ import annotations

import sqlite3
import zlib
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from membench.results.history import MIGRATIONS, UNDO, History, HistoryError, Keeper, UnknownRunError, history_path
from membench.session.measurement import Measurement


@pytest.fixture
def record(spec, tick):
    """Makes a record of a run that went well, with a name and changes of the test's."""
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
    """An empty history at its usual place."""
    with History(create=True) as opened:
        yield opened


def names(history, *words):
    return [row.run_id for row in history.runs(words)]


def test_a_record_comes_back_as_it_was_kept(history, record):
    kept = record("abc", strategy_options={"batch": 64, "wait_ms": 2.5}, environment={"cpu": "a fast one"})
    history.add(kept)

    assert history.record("abc") == kept
    assert kept.latency_hdr is not None and len(kept.memories_per_s_windows) == 10


def test_runs_are_listed_the_newest_first(history, record):
    for minute, run_id in enumerate(("first", "second", "third")):
        history.add(record(run_id, minute, memories_per_s=float(minute), latency_p99_ms=1.5, verdict="lock-bound"))
    newest = history.runs()[0]

    assert names(history) == ["third", "second", "first"]
    assert (newest.memories_per_s, newest.latency_p99_ms, newest.verdict) == (2.0, 1.5, "lock-bound")
    assert (newest.backend, newest.strategy, newest.store, newest.clients) == ("mem0", "mutex", "local", 2)
    assert not newest.reference


def test_every_word_must_be_in_some_column(history, record):
    history.add(record("one", strategy="shared", verdict="lock-bound"))
    history.add(record("two", strategy="adaptive", verdict="lock-bound"))
    history.add(record("three", strategy="adaptive", verdict="compute-bound"))
    history.refer("three", True)

    assert set(names(history, "adaptive")) == {"two", "three"}
    assert names(history, "Lock", "ADAPT") == ["two"]
    assert names(history, "reference") == ["three"]
    assert names(history, "adaptive", "nothing-like-it") == []


def test_a_run_is_meant_by_its_beginning_or_by_its_age(history, record):
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


def test_what_was_deleted_last_can_be_had_back(history, record):
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


def test_what_was_deleted_long_ago_is_gone(history, record):
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


def test_the_time_a_run_will_take_is_that_of_its_like(history, record, spec):
    for run_id, wall_s in (("a", 10.0), ("b", 12.0), ("c", 30.0)):
        history.add(record(run_id), wall_s)
    history.add(record("failed", status="failed"), 1.0)
    history.add(record("other", strategy="shared"), 100.0)

    assert history.expected_s(spec(clients=2)) == 12.0
    assert history.expected_s(spec(clients=3)) is None
    assert history.expected_s(spec(clients=2, items=11)) is None


def test_a_record_of_an_older_version_still_loads(history, record):
    history.add(record("old"))
    document = msgspec.to_builtins(record("old"))
    del document["memories_per_s_windows"], document["environment"]
    document["a_field_of_yesterday"] = 7
    with sqlite3.connect(history_path()) as database:
        database.execute("UPDATE runs SET record = ?", [zlib.compress(msgspec.json.encode(document))])
    database.close()
    loaded = history.record("old")

    assert (loaded.memories_per_s_windows, loaded.environment) == (None, {})
    assert loaded.memories_per_s == record("old").memories_per_s


def test_reading_where_nothing_is_kept_leaves_nothing_behind(own_folders):
    with History() as history:
        assert history.runs() == []
        assert history.undo() == 0
    assert not (own_folders / "data").exists()


def test_two_programs_keep_runs_at_the_same_time(record):
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

    with pytest.raises(HistoryError, match="written by a newer membench-tui"):
        History()
    assert "newer" in Keeper().keep(record("b"))


def test_a_file_that_is_no_history_is_said_to_be_none(record):
    history_path().parent.mkdir(parents=True)
    history_path().write_text("not a database at all, " * 100)

    with pytest.raises(HistoryError, match=r"history\.sqlite3: file is not a database"):
        History()
    assert history_path().read_text().startswith("not a database")


class TestKeeper:
    def test_runs_are_kept_with_the_time_they_took(self, record, spec):
        now = datetime.now(UTC) - timedelta(seconds=30)
        kept = msgspec.structs.replace(record("a"), started_at=now.isoformat(timespec="milliseconds"))

        assert Keeper().keep(kept) == ""
        with History() as history:
            assert names(history) == ["a"]
            assert 30 <= history.expected_s(spec(clients=2)) < 60

    def test_a_history_that_cannot_be_written_is_told_once_and_tried_again(self, tmp_path, record):
        (tmp_path / "file").write_text("")
        path = tmp_path / "file" / "history.sqlite3"
        keeper = Keeper(path)
        first, second = keeper.keep(record("a")), keeper.keep(record("b", 1))
        (tmp_path / "file").unlink()

        assert "cannot be written" in first and first.endswith("results are not kept")
        assert second == keeper.keep(record("c", 2)) == ""
        with History(path) as history:
            assert names(history) == ["c", "b", "a"]

    def test_a_locked_history_costs_a_line(self, record, monkeypatch):
        monkeypatch.setattr("membench.results.history.LOCKED_S", 0.0)
        with History(create=True):
            holder = sqlite3.connect(history_path(), isolation_level=None)
            holder.execute("BEGIN IMMEDIATE")
            keeper = Keeper()

            assert "database is locked" in keeper.keep(record("a"))
            holder.execute("ROLLBACK")
            holder.close()
            assert keeper.keep(record("b", 1)) == ""
        with History() as history:
            assert names(history) == ["b", "a"]
