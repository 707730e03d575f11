"""The history of this machine's runs: every run that is over, kept in an SQLite file."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec
import platformdirs

from membench.messages.run import RunSpec, Workload
from membench.results.record import Record
from membench.units import from_home

if TYPE_CHECKING:
    import sqlite3

LOCKED_S = 1.0
"""How long another program may keep the file to itself before it counts as locked."""
UNDO = timedelta(days=7)
"""How long deleted runs can be had back."""
LIKE_MAX = 20
"""Earlier runs of the same kind that say how long the next will take: the newest."""
WAITING_MAX = 100
"""Runs that wait until the file can be written; older ones are given up."""

MIGRATIONS = (
    (
        """CREATE TABLE runs (
            run_id TEXT PRIMARY KEY, started_at TEXT NOT NULL, scenario TEXT NOT NULL, backend TEXT NOT NULL,
            strategy TEXT, store TEXT, clients INTEGER NOT NULL, precision TEXT, embedder TEXT, weights TEXT,
            memories_per_s REAL, latency_p99_ms REAL, time_lock REAL, lost INTEGER, duplicated INTEGER, corrupted INTEGER,
            status TEXT NOT NULL, error TEXT, verdict TEXT, reference INTEGER NOT NULL DEFAULT 0, task TEXT NOT NULL,
            wall_s REAL, deleted_at TEXT, record BLOB NOT NULL
        )""",
        "CREATE INDEX runs_by_time ON runs (started_at)",
        "CREATE INDEX runs_by_task ON runs (task, started_at)",
    ),
)
"""What brings the file from one version of its layout to the next; its version is how many of these it has seen."""


class HistoryError(Exception):
    """The history cannot be used; one line that names the file and says why."""


class UnknownRunError(Exception):
    """No run, or more than one, is meant by a word; one line that says so."""


class HistoryRow(msgspec.Struct, frozen=True):
    """What a list shows of a run; the names are those of its record."""

    run_id: str
    started_at: str
    scenario: str
    backend: str
    strategy: str | None
    store: str | None
    clients: int
    precision: str | None
    embedder: str | None
    weights: str | None
    memories_per_s: float | None
    latency_p99_ms: float | None
    time_lock: float | None
    lost: int | None
    duplicated: int | None
    corrupted: int | None
    status: str
    error: str | None
    verdict: str | None
    reference: bool
    """Marked by a person as what others are held against."""

    def matches(self, words: Iterable[str]) -> bool:
        """Whether each word is in one of the texts of the row."""
        shown = (
            self.run_id,
            self.when,
            self.scenario,
            self.backend,
            self.strategy,
            self.store,
            f"{self.clients} clients",
        )
        more = (self.precision, self.weights, self.status, self.verdict, "reference" if self.reference else "")
        text = "\n".join(part or "" for part in (*shown, *more)).lower()
        return all(word.lower() in text for word in words)

    @property
    def when(self) -> str:
        """Local time, `2026-03-01 14:05`."""
        return f"{self.began:%Y-%m-%d %H:%M}"

    @property
    def began(self) -> datetime:
        """When it was started, in local time."""
        return datetime.fromisoformat(self.started_at).astimezone()


_COLUMNS = tuple(name for name in HistoryRow.__struct_fields__ if name != "reference")


def history_path() -> Path:
    """Where the history is; XDG_DATA_HOME moves it."""
    return platformdirs.user_data_path("membench-tui") / "history.sqlite3"


class History:
    """The history, open. Belongs to one thread; several programs may have it open."""

    def __init__(self, path: Path | None = None, *, create: bool = False) -> None:
        """Open the file.

        Args:
            path: Where it is, if not at its usual place.
            create: Make the file where there is none. Without this, the history is then an empty one in memory.

        Raises:
            HistoryError: It cannot be opened, is no history, or was written by a newer version of this program.
        """
        import sqlite3  # not before: the first picture does without

        self.path = path or history_path()
        with self._explained():
            if create:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            place = self.path if create or self.path.exists() else ":memory:"
            self._database = sqlite3.connect(place, timeout=LOCKED_S, isolation_level=None)
            try:
                self._bring_up_to_date()
            except BaseException:
                self._database.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def add(self, record: Record, wall_s: float | None = None) -> None:
        """Keep a run that took `wall_s` seconds, from the start of its process to its end.

        Raises:
            HistoryError: It cannot be written.
        """
        fields: dict[str, Any] = {name: getattr(record, name) for name in _COLUMNS}
        fields |= {"task": _task_of(record), "wall_s": wall_s, "record": zlib.compress(msgspec.json.encode(record))}
        names, marks = ", ".join(fields), ", ".join("?" * len(fields))
        with self._writing() as database:
            database.execute("DELETE FROM runs WHERE deleted_at < ?", [(datetime.now(UTC) - UNDO).isoformat()])
            database.execute(f"INSERT OR REPLACE INTO runs ({names}) VALUES ({marks})", list(fields.values()))

    def runs(self, words: Sequence[str] = ()) -> list[HistoryRow]:
        """The runs of which each word is in some column, the newest first; reads no whole record."""
        with self._explained():
            rows = self._database.execute(
                f"SELECT {', '.join(_COLUMNS)}, reference FROM runs WHERE deleted_at IS NULL "
                "ORDER BY started_at DESC, rowid DESC"
            )
            found = [_row(*columns) for columns in rows]
        return [row for row in found if row.matches(words)] if words else found

    def resolve(self, word: str) -> str:
        """The name of the run that is meant: by the beginning of its name, or as `last`, `last~1`.

        Raises:
            UnknownRunError: None is meant by it, or several.
        """
        with self._explained():
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
        """The whole record of a run, by its full name.

        Raises:
            UnknownRunError: It is not there.
            HistoryError: It cannot be read.
        """
        with self._explained():
            row = self._database.execute("SELECT record FROM runs WHERE run_id = ?", [run_id]).fetchone()
            if row is None:
                raise UnknownRunError(f"no run {run_id!r} in the history")
            return msgspec.json.decode(zlib.decompress(row[0]), type=Record)

    def refer(self, run_id: str, reference: bool) -> None:
        """Mark a run as what others are held against, or take the mark away."""
        with self._writing() as database:
            database.execute("UPDATE runs SET reference = ? WHERE run_id = ?", [reference, run_id])

    def delete(self, run_ids: Sequence[str]) -> None:
        """Delete runs, all at once; `undo` brings them back for some days."""
        now = datetime.now(UTC).isoformat()
        with self._writing() as database:
            database.executemany("UPDATE runs SET deleted_at = ? WHERE run_id = ?", [(now, name) for name in run_ids])

    def undo(self) -> int:
        """Bring back the runs that were deleted last; how many they were."""
        with self._writing() as database:
            newest = "SELECT max(deleted_at) FROM runs"
            return database.execute(f"UPDATE runs SET deleted_at = NULL WHERE deleted_at = ({newest})").rowcount

    def expected_s(self, spec: RunSpec) -> float | None:
        """Seconds that a run will take: the median of the newest that had the same to do; None if there is none."""
        import statistics

        with self._explained():
            rows = self._database.execute(
                "SELECT wall_s FROM runs WHERE task = ? AND status = 'ok' AND wall_s IS NOT NULL "
                "ORDER BY started_at DESC LIMIT ?",
                [_task_of(spec), LIKE_MAX],
            )
            walls = [wall_s for (wall_s,) in rows]
        return statistics.median(walls) if walls else None

    def _names(self, condition: str, value: str | int) -> list[str]:
        rows = self._database.execute(f"SELECT run_id FROM runs WHERE deleted_at IS NULL {condition}", [value])
        return [name for (name,) in rows]

    def _bring_up_to_date(self) -> None:
        if self._version() < len(MIGRATIONS):
            self._database.execute("PRAGMA journal_mode = WAL")
            with self._writing() as database:
                for migration in MIGRATIONS[self._version() :]:
                    for statement in migration:
                        database.execute(statement)
                database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        elif self._version() > len(MIGRATIONS):
            raise HistoryError(
                f"{from_home(self.path)}: was written by a newer membench-tui; update this one to use it"
            )

    def _version(self) -> int:
        version: int = self._database.execute("PRAGMA user_version").fetchone()[0]
        return version

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all that is done in it, or nothing."""
        with self._explained():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Give what goes wrong with the file in one line."""
        import sqlite3

        try:
            yield
        except (sqlite3.Error, OSError, zlib.error, msgspec.MsgspecError) as error:
            raise HistoryError(f"{from_home(self.path)}: {error}") from error


class Keeper:
    """Keeps runs as they end. What cannot be kept is tried again with the next run, and never stops one."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._waiting: deque[tuple[Record, float]] = deque(maxlen=WAITING_MAX)
        self._told = False

    def keep(self, record: Record) -> str:
        """Keep a run that is just over; when that fails for the first time, the line to say so."""
        wall_s = (datetime.now(UTC) - datetime.fromisoformat(record.started_at)).total_seconds()
        self._waiting.append((record, wall_s))
        try:
            with History(self._path, create=True) as history:
                while self._waiting:
                    history.add(*self._waiting[0])
                    self._waiting.popleft()
        except HistoryError as error:
            told, self._told = self._told, True
            return "" if told else f"the history cannot be written: {error}; results are not kept"
        return ""


def earlier_times(runs: Sequence[RunSpec]) -> list[float | None]:
    """Seconds that runs like these took; None where there was none, or where the history cannot be read."""
    try:
        with History() as history:
            return [history.expected_s(run) for run in runs]
    except HistoryError:
        return [None] * len(runs)


def _row(*columns: Any) -> HistoryRow:
    *fields, reference = columns
    return HistoryRow(**dict(zip(_COLUMNS, fields, strict=True)), reference=bool(reference))


def _task_of(run: Record | RunSpec) -> str:
    """What a run was given to do, and to whom: runs with the same text take about as long."""
    work: Record | Workload = run.workload if isinstance(run, RunSpec) else run
    who = (run.backend, run.strategy, run.store, run.embedder, *((run.model, run.precision) if run.strategy else ()))
    task = (run.scenario, work.operation, work.batch_size, work.items, work.duration_s, work.target_operations_per_s)
    return msgspec.json.encode((*who, *task, work.clients, work.repeats)).decode()
