"""The history: every finished run of this machine, in an SQLite file."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec
import platformdirs

from membench.results.record import Record, decode_record
from membench.results.summary import RunSummary
from membench.spec.run import RunSpec
from membench.units import abbreviate_home
from membench_backends.options import options_text

if TYPE_CHECKING:
    import sqlite3

LOCKED_S = 1.0
"""How long to wait for another program that has locked the file."""
UNDO = timedelta(days=7)
"""How long deleted runs can be restored."""
SIMILAR_MAX = 20
"""Most earlier runs that predict how long the next one takes: the newest."""
PENDING_MAX = 100
"""Most runs that wait until the file can be written; older ones are dropped."""


class HistoryError(Exception):
    """The history cannot be used; one line that names the file and the reason."""


class UnknownRunError(Exception):
    """A name matches no run, or several; one line that says so."""


class HistoryRow(RunSummary, frozen=True, kw_only=True):
    """One row of the history. Large parts of its record (histogram, locks, windows) are left out."""

    reference: bool
    """Whether the user marked the run as one to compare others with."""

    def matches(self, words: Iterable[str]) -> bool:
        """Return whether each word occurs in one of the row's texts."""
        run = self.figures
        texts = (self.run_id, self.when, run.scenario, run.backend, run.strategy, run.store, f"{run.clients} clients")
        system = (options_text(run.backend_options), run.precision, run.weights)
        more = (self.state, self.verdict, "reference" if self.reference else "")
        text = "\n".join(part or "" for part in (*texts, *system, *more)).lower()
        return all(word.lower() in text for word in words)

    @property
    def when(self) -> str:
        """The start in local time, `2026-03-01 14:05`."""
        return f"{self.began:%Y-%m-%d %H:%M}"

    @property
    def began(self) -> datetime:
        """The start, in local time."""
        return datetime.fromisoformat(self.started_at or "").astimezone()


_LEFT_OUT = (
    "latency_hdr",
    "error_latency_hdr",
    "locks",
    "timers",
    "memories_per_s_windows",
    "client_items",
    "client_longest_ms",
)
"""Fields of a record that no table shows and that take most of its space."""


def _create_table(database: sqlite3.Connection) -> None:
    database.execute(
        """CREATE TABLE runs (
            run_id TEXT PRIMARY KEY, started_at TEXT NOT NULL, scenario TEXT NOT NULL, backend TEXT NOT NULL,
            strategy TEXT, store TEXT, clients INTEGER NOT NULL, precision TEXT, embedder TEXT, weights TEXT,
            ops_per_s REAL, latency_p99_ms REAL, time_lock REAL, lost INTEGER, duplicated INTEGER, corrupted INTEGER,
            status TEXT NOT NULL, error TEXT, verdict TEXT, reference INTEGER NOT NULL DEFAULT 0, task TEXT NOT NULL,
            wall_s REAL, deleted_at TEXT, record BLOB NOT NULL
        )"""
    )
    database.execute("CREATE INDEX runs_by_time ON runs (started_at)")
    database.execute("CREATE INDEX runs_by_task ON runs (task, started_at)")


def _store_summaries(database: sqlite3.Connection) -> None:
    """Replace the columns that repeat a record by one summary, so that a new figure needs no new column."""
    database.execute("DROP INDEX runs_by_time")
    database.execute("DROP INDEX runs_by_task")
    database.execute("ALTER TABLE runs RENAME TO runs_1")
    database.execute(
        """CREATE TABLE runs (
            run_id TEXT PRIMARY KEY, started_at TEXT NOT NULL, task TEXT NOT NULL, status TEXT NOT NULL, wall_s REAL,
            reference INTEGER NOT NULL DEFAULT 0, deleted_at TEXT, summary BLOB NOT NULL, record BLOB NOT NULL
        )"""
    )
    database.execute("CREATE INDEX runs_by_time ON runs (started_at)")
    database.execute("CREATE INDEX runs_by_task ON runs (task, started_at)")
    rows = database.execute("SELECT run_id, record, wall_s, reference, deleted_at FROM runs_1 ORDER BY rowid")
    for run_id, content, *rest in rows.fetchall():
        try:
            record = decode_record(zlib.decompress(content))
        except (zlib.error, msgspec.MsgspecError):
            continue  # damaged: it stays where it is
        _insert(database, record, *rest)
        database.execute("DELETE FROM runs_1 WHERE run_id = ?", [run_id])
    if database.execute("SELECT count(*) FROM runs_1").fetchone() == (0,):
        database.execute("DROP TABLE runs_1")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_create_table, _store_summaries)
"""The steps from each version of the file's layout to the next; its version is how many it has taken."""


def _insert(
    database: sqlite3.Connection,
    record: Record,
    wall_s: float | None,
    reference: bool = False,
    deleted_at: str | None = None,
) -> None:
    summary = msgspec.structs.replace(record, **dict.fromkeys(_LEFT_OUT))
    columns = {
        "run_id": record.run_id,
        "started_at": record.started_at,
        "task": _task_of(record),
        "status": record.status,
        "wall_s": wall_s,
        "reference": reference,
        "deleted_at": deleted_at,
        "summary": msgspec.json.encode(summary),
        "record": zlib.compress(msgspec.json.encode(record)),
    }
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    database.execute(f"INSERT OR REPLACE INTO runs ({names}) VALUES ({marks})", list(columns.values()))


def history_path() -> Path:
    """Return the path of the history; XDG_DATA_HOME moves it."""
    return platformdirs.user_data_path("membench-tui") / "history.sqlite3"


def history_files() -> tuple[Path, ...]:
    """Return the paths of the history and of the files that SQLite keeps beside it, whether or not they exist."""
    path = history_path()
    return tuple(path.with_name(f"{path.name}{suffix}") for suffix in ("", "-wal", "-shm", "-journal"))


class History:
    """The open history. An object belongs to one thread; several programs may open the file."""

    def __init__(self, path: Path | None = None, *, create: bool = False) -> None:
        """Open the file.

        Args:
            path: The file, if not the usual one.
            create: Create the file if it does not exist. Otherwise a missing history is an empty one in memory.

        Raises:
            HistoryError: The file cannot be opened, is not a history, or comes from a newer version of this program.
        """
        import sqlite3  # the first paint of the dashboard does without it

        self.path = path or history_path()
        with self._reporting_errors():
            if create:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            place = self.path if create or self.path.exists() else ":memory:"
            self._database = sqlite3.connect(place, timeout=LOCKED_S, isolation_level=None)
            try:
                self._migrate()
            except BaseException:
                self._database.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def add(self, record: Record) -> None:
        """Add a run, in place of what was known of it before.

        Raises:
            HistoryError: The file cannot be written.
        """
        with self._writing() as database:
            database.execute("DELETE FROM runs WHERE deleted_at < ?", [(datetime.now(UTC) - UNDO).isoformat()])
            _insert(database, record, record.took_s)

    def runs(self, words: Sequence[str] = ()) -> list[HistoryRow]:
        """Return the runs that contain every word, the newest first, without reading whole records."""
        with self._reporting_errors():
            rows = self._database.execute(
                "SELECT summary, reference FROM runs WHERE deleted_at IS NULL ORDER BY started_at DESC, rowid DESC"
            )
            found = [_row(*columns) for columns in rows]
        return [row for row in found if row.matches(words)] if words else found

    def resolve(self, word: str) -> str:
        """Return the full name of a run, given its first letters, `last` or `last~1`.

        Raises:
            UnknownRunError: No run matches, or several do.
        """
        with self._reporting_errors():
            if word == "last" or (word.startswith("last~") and word[5:].isdecimal()):
                found = self._names("ORDER BY started_at DESC, rowid DESC LIMIT 1 OFFSET ?", int(word[5:] or 0))
            else:
                found = self._names("AND (run_id = ?1 OR substr(run_id, 1, length(?1)) = ?1) LIMIT 9", word)
        if len(found) == 1 or word in found:
            return word if word in found else found[0]
        if found:
            raise UnknownRunError(f"{word!r} is the beginning of several runs: {', '.join(found)}")
        raise UnknownRunError(f"no run {word!r} in the history; 'membench-tui history' lists them")

    def record(self, run_id: str) -> Record:
        """Return the whole record of a run, by its full name.

        Raises:
            UnknownRunError: There is no such run.
            HistoryError: The file cannot be read.
        """
        with self._reporting_errors():
            row = self._database.execute("SELECT record FROM runs WHERE run_id = ?", [run_id]).fetchone()
            if row is None:
                raise UnknownRunError(f"no run {run_id!r} in the history")
            return decode_record(zlib.decompress(row[0]))

    def set_reference(self, run_id: str, reference: bool) -> None:
        """Mark a run as one to compare others with, or remove the mark."""
        with self._writing() as database:
            database.execute("UPDATE runs SET reference = ? WHERE run_id = ?", [reference, run_id])

    def delete(self, run_ids: Sequence[str]) -> None:
        """Delete runs in one step; `undo` restores them for some days."""
        now = datetime.now(UTC).isoformat()
        with self._writing() as database:
            database.executemany("UPDATE runs SET deleted_at = ? WHERE run_id = ?", [(now, name) for name in run_ids])

    def undo(self) -> int:
        """Restore the runs that were deleted last, and return how many they are."""
        with self._writing() as database:
            newest = "SELECT max(deleted_at) FROM runs"
            return database.execute(f"UPDATE runs SET deleted_at = NULL WHERE deleted_at = ({newest})").rowcount

    def expected_s(self, spec: RunSpec) -> float | None:
        """Return the median time of the newest runs of the same task, in seconds; None if there are none."""
        import statistics

        with self._reporting_errors():
            rows = self._database.execute(
                "SELECT wall_s FROM runs WHERE task = ? AND status = 'ok' AND wall_s IS NOT NULL "
                "ORDER BY started_at DESC LIMIT ?",
                [_task_of(spec), SIMILAR_MAX],
            )
            walls = [wall_s for (wall_s,) in rows]
        return statistics.median(walls) if walls else None

    def _names(self, condition: str, value: str | int) -> list[str]:
        rows = self._database.execute(f"SELECT run_id FROM runs WHERE deleted_at IS NULL {condition}", [value])
        return [name for (name,) in rows]

    def _migrate(self) -> None:
        if self._version() < len(MIGRATIONS):
            self._database.execute("PRAGMA journal_mode = WAL")
            with self._writing() as database:
                for migration in MIGRATIONS[self._version() :]:
                    migration(database)
                database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        elif self._version() > len(MIGRATIONS):
            raise HistoryError(f"{abbreviate_home(self.path)}: was written by a newer membench-tui; update this one")

    def _version(self) -> int:
        version: int = self._database.execute("PRAGMA user_version").fetchone()[0]
        return version

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction: everything in it takes effect, or nothing."""
        with self._reporting_errors():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    @contextmanager
    def _reporting_errors(self) -> Iterator[None]:
        """Turn an error of the file into a HistoryError."""
        import sqlite3

        try:
            yield
        except (sqlite3.Error, OSError, zlib.error, msgspec.MsgspecError) as error:
            raise HistoryError(f"{abbreviate_home(self.path)}: {error}") from error


class HistoryWriter:
    """Adds runs as their repeats end. What cannot be written is tried again with the next run, and never stops one."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._pending: deque[Record] = deque(maxlen=PENDING_MAX)
        self._has_failed = False

    def add(self, record: Record) -> str:
        """Add what is known of a run. Return a line for the user when that fails for the first time."""
        self._pending.append(record)
        try:
            with History(self._path, create=True) as history:
                while self._pending:
                    history.add(self._pending[0])
                    self._pending.popleft()
        except HistoryError as error:
            is_first, self._has_failed = not self._has_failed, True
            return f"the history cannot be written: {error}; results are not kept" if is_first else ""
        return ""


def earlier_times(runs: Sequence[RunSpec]) -> list[float | None]:
    """Return how long runs of the same tasks took, in seconds; None where there are none, or no readable history."""
    try:
        with History() as history:
            return [history.expected_s(run) for run in runs]
    except HistoryError:
        return [None] * len(runs)


def _row(summary: bytes, reference: int) -> HistoryRow:
    record = decode_record(summary)
    fields = msgspec.structs.asdict(record.summary())
    return HistoryRow(**fields, reference=bool(reference))


def _task_of(run: RunSpec) -> str:
    """Return what a run had to do, and in which system: runs with the same text take about as long."""
    system = (run.backend, run.strategy, run.store, run.embedder, *((run.model, run.precision) if run.strategy else ()))
    task = (run.scenario, run.operation, run.batch_size, run.items, run.duration_s, run.target_operations_per_s)
    options = (run.backend_options,) if run.backend_options else ()
    return msgspec.json.encode((*system, *options, *task, run.clients, run.repeats)).decode()
