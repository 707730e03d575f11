"""The history: every finished run of this machine, in an SQLite file."""

from __future__ import annotations

import os
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec
import platformdirs

from membench.results.record import Record
from membench.results.rows import DAMAGED, HistoryRow, read_row, repeated_row, row_name, unpack_record
from membench.spec.run import RunSpec
from membench.units import abbreviate_home

if TYPE_CHECKING:
    import sqlite3

LOCKED_S = 1.0
"""How long to wait for another program that has locked the file."""
UNDO = timedelta(days=7)
"""How long deleted runs can be restored."""
SIMILAR_MAX = 20
"""Most earlier runs that predict how long the next one takes: the newest."""
LAST_LENGTH_MAX = 20
"""Characters of `last~N`, so that SQLite can count to N."""
PENDING_MAX = 100
"""Most runs that wait until the file can be written; older ones are dropped."""


class HistoryError(Exception):
    """The history cannot be used; one line that names the file and the reason."""


class UnknownRunError(Exception):
    """A name matches no run, or several; one line that says so."""


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
            record = unpack_record(content)
        except msgspec.MsgspecError:
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
    return _files_of(history_path())


def _files_of(path: Path) -> tuple[Path, ...]:
    return tuple(path.with_name(f"{path.name}{suffix}") for suffix in ("", "-wal", "-shm", "-journal"))


class History:
    """The open history. An object belongs to one thread; several programs may open the file."""

    def __init__(self, path: Path | None = None, *, create: bool = False) -> None:
        """Open the file.

        Args:
            path: The file, if not the usual one.
            create: Create the file if it does not exist. Otherwise a missing history is an empty one in memory.

        Raises:
            HistoryError: The file cannot be opened, or is not a history.
        """
        import sqlite3  # the first paint of the dashboard does without it

        self.path = path or history_path()
        self.notice = ""
        """Why the file is only read: a newer version of this program wrote it. Empty otherwise."""
        with self._reporting_errors():
            if create:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            _make_private(self.path, create)
            place = self.path if create or self.path.exists() else ":memory:"
            self._database = sqlite3.connect(place, timeout=LOCKED_S, isolation_level=None)
            self._database.text_factory = lambda text: text.decode(errors="replace")
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
            database.execute(
                "DELETE FROM runs WHERE deleted_at BETWEEN '2' AND ?", [(datetime.now(UTC) - UNDO).isoformat()]
            )
            _insert(database, record, record.took_s)

    def runs(self, words: Sequence[str] = ()) -> list[HistoryRow]:
        """Return the runs that contain every word, the newest first, without reading whole records.

        A row that cannot be read has the state `damaged`.
        """
        found: dict[str, HistoryRow] = {}
        with self._reporting_errors():
            rows = self._database.execute(
                "SELECT rowid, run_id, started_at, summary, reference FROM runs WHERE deleted_at IS NULL "
                "ORDER BY started_at DESC, rowid DESC"
            )
            for number, run_id, *columns in rows:
                row = read_row(row_name(number, run_id), run_id, *columns)
                if row.run_id in found:
                    row = repeated_row(row, number)
                found[row.run_id] = row
        return [row for row in found.values() if row.matches(words)]

    def resolve(self, word: str) -> str:
        """Return the full name of a run, given its first letters, `last` or `last~1`.

        Raises:
            UnknownRunError: No run matches, or several do.
        """
        found: list[str] = []
        with self._reporting_errors():
            if word == "last" or (word.startswith("last~") and word[5:].isdecimal() and len(word) < LAST_LENGTH_MAX):
                found = self._names("ORDER BY started_at DESC, rowid DESC LIMIT 1 OFFSET ?", int(word[5:] or 0))
            elif word.isprintable():
                column, value = _place(word)
                match = f"{column} = ?1 OR substr({column}, 1, length(?1)) = ?1" if column == "run_id" else "rowid = ?1"
                found = self._names(f"AND ({match}) LIMIT 9", value)
        if len(found) == 1 or word in found:
            return word if word in found else found[0]
        if found:
            raise UnknownRunError(f"{word!r} is the beginning of several runs: {', '.join(found)}")
        raise UnknownRunError(f"no run {word!r} in the history; 'membench-tui history' lists them")

    def record(self, run_id: str) -> Record:
        """Return the whole record of a run, by its full name.

        Raises:
            UnknownRunError: There is no such run.
            HistoryError: The file cannot be read, or the run is damaged.
        """
        column, value = _place(run_id)
        with self._reporting_errors():
            row = self._database.execute(f"SELECT record FROM runs WHERE {column} = ?", [value]).fetchone()
        if row is None:
            raise UnknownRunError(f"no run {run_id!r} in the history")
        try:
            return unpack_record(row[0])
        except msgspec.MsgspecError as error:
            raise HistoryError(f"{abbreviate_home(self.path)}: run {run_id} is damaged: {error}") from error

    def set_reference(self, run_id: str, reference: bool) -> None:
        """Mark a run as one to compare others with, or remove the mark."""
        column, value = _place(run_id)
        with self._writing() as database:
            database.execute(f"UPDATE runs SET reference = ? WHERE {column} = ?", [reference, value])

    def delete(self, run_ids: Sequence[str]) -> None:
        """Delete runs in one step; `undo` restores them for some days."""
        now = datetime.now(UTC).isoformat()
        with self._writing() as database:
            for column, value in map(_place, run_ids):
                database.execute(f"UPDATE runs SET deleted_at = ? WHERE {column} = ?", [now, value])

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
                "SELECT wall_s FROM runs WHERE task = ? AND status = 'ok' "
                "AND typeof(wall_s) IN ('real', 'integer') AND wall_s BETWEEN 0 AND 1e9 "
                "ORDER BY started_at DESC LIMIT ?",
                [_task_of(spec), SIMILAR_MAX],
            )
            walls = [wall_s for (wall_s,) in rows]
        return statistics.median(walls) if walls else None

    def _names(self, condition: str, value: str | int) -> list[str]:
        rows = self._database.execute(f"SELECT rowid, run_id FROM runs WHERE deleted_at IS NULL {condition}", [value])
        return [row_name(*columns) for columns in rows]

    def _migrate(self) -> None:
        if self._version() < len(MIGRATIONS):
            self._database.execute("PRAGMA journal_mode = WAL")
            with self._writing() as database:
                for migration in MIGRATIONS[self._version() :]:
                    migration(database)
                database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        elif self._version() > len(MIGRATIONS):
            self.notice = (
                f"{abbreviate_home(self.path)}: was written by a newer membench-tui, so this one only reads it"
            )
            self._database.execute("PRAGMA query_only = ON")

    def _version(self) -> int:
        version: int = self._database.execute("PRAGMA user_version").fetchone()[0]
        return version

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction: everything in it takes effect, or nothing."""
        if self.notice:
            raise HistoryError(f"{self.notice}; update this one to change it")
        with self._reporting_errors():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:  # a full disk ends it already
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _reporting_errors(self) -> Iterator[None]:
        """Turn an error of the file into a HistoryError."""
        import sqlite3

        try:
            yield
        except UnicodeDecodeError as error:  # SQLite's own message quotes the damaged bytes
            raise HistoryError(f"{self.notice or abbreviate_home(self.path)}: the file is damaged") from error
        except (sqlite3.Error, OSError, OverflowError) as error:
            raise HistoryError(f"{self.notice or abbreviate_home(self.path)}: {error}") from error


class HistoryWriter:
    """Adds runs as their repeats end. What cannot be written is tried again with the next run, and never stops one."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._pending: deque[Record] = deque(maxlen=PENDING_MAX)
        self._has_failed = False
        self.problem = ""
        """Why runs are missing from the history now; empty if none are."""

    def add(self, record: Record) -> str:
        """Add what is known of a run. Return a line for the user when that fails for the first time."""
        self._pending.append(record)
        try:
            with History(self._path, create=True) as history:
                while self._pending:
                    history.add(self._pending[0])
                    self._pending.popleft()
        except HistoryError as error:
            self.problem = f"the history cannot be written: {error}; results are missing from it"
            is_first, self._has_failed = not self._has_failed, True
            return self.problem if is_first else ""
        self.problem = ""
        return ""


def earlier_times(runs: Sequence[RunSpec]) -> list[float | None]:
    """Return how long runs of the same tasks took, in seconds; None where there are none, or no readable history."""
    try:
        with History() as history:
            return [history.expected_s(run) for run in runs]
    except HistoryError:
        return [None] * len(runs)


def _place(name: str) -> tuple[str, str | int]:
    """Return the column that finds the row with a name, and its value there."""
    number = name.removeprefix(DAMAGED)
    return ("rowid", int(number)) if number != name and number.isdecimal() else ("run_id", name)


def _make_private(path: Path, create: bool) -> None:
    """Create the file if asked to. Only its user can read it: SQLite gives the files beside it the same permissions.

    A file that others opened for their locks is not opened here: closing it would release the locks of this process.
    """
    if create:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    for file in _files_of(path):
        with suppress(OSError):  # somebody else's file, or a read-only file system
            if file.stat().st_mode & 0o077:
                file.chmod(0o600)


def _task_of(run: RunSpec) -> str:
    """Return what a run had to do, and in which system: runs with the same text take about as long."""
    system = (run.backend, run.strategy, run.store, run.embedder, *((run.model, run.precision) if run.strategy else ()))
    task = (run.scenario, run.operation, run.batch_size, run.items, run.duration_s, run.target_operations_per_s)
    options = (run.backend_options,) if run.backend_options else ()
    return msgspec.json.encode((*system, *options, *task, run.clients, run.repeats)).decode()
