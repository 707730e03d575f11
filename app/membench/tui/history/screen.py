"""History: every stored run of this machine, to find, open, compare, export and delete."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import ClassVar

from msgspec.structs import replace
from textual import on
from textual.binding import Binding, BindingType
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Input

from membench.results.history import History, HistoryError, UnknownRunError
from membench.results.record import Record
from membench.results.rows import HistoryRow
from membench.tui.common import columns
from membench.tui.common.panel import panel
from membench.tui.common.place import Place
from membench.tui.common.plain import plain
from membench.tui.common.snapshot import RunView
from membench.tui.common.table import Column, RunTable
from membench.units import plural

NO_RUNS = "The history is empty. Press 1 for Plan, then enter to run it; finished runs are stored here."
NO_MATCH = "No run contains all of these words. Press esc to show all runs."


class HistoryScreen(Place):
    """The table of all stored runs, the newest first, and a field to filter them."""

    NAME = "history"
    HELP = (
        "Every run of this machine, including those of the command line. Press / to filter: a run is shown if it "
        "contains every word. Enter opens the marked runs, or the selected one, in Results. A star marks a reference: "
        "a run to compare others with."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", tooltip="Open the marked runs, or the selected one, in Results",
                id="history.open"),
        Binding("space", "mark", "Mark", tooltip="Mark the selected run, or unmark it", id="history.mark"),
        Binding("slash", "filter", "Filter", key_display="/", tooltip="Show only runs that contain every word",
                id="history.filter"),
        Binding("escape", "clear", "All", show=False, tooltip="Show all runs; pressed again, unmark the marked ones",
                id="history.clear"),
        Binding("asterisk,m", "toggle_reference", "Reference",
                tooltip="Mark the selected run as a reference, or remove its star", id="history.refer"),
        Binding("d,delete", "delete", "Delete", tooltip="Delete the marked runs, or the selected one",
                id="history.delete"),
        Binding("u", "undo", "Undo", tooltip="Restore the runs that were deleted last", id="history.undo"),
        Binding("e", "app.export", "Export", tooltip="Write the marked runs, or all shown, to a file",
                id="history.export"),
    ]  # fmt: skip

    marked: var[frozenset[str]] = var(frozenset(), init=False)
    """The IDs of the marked runs."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, HistoryRow] = {}
        """All runs by ID, the newest first."""
        self._notice = ""
        """Why the history is only read; empty if it can be changed."""

    def body(self) -> Iterable[Widget]:
        """Return the filter, which is hidden until it is used, and the table."""
        words = Input(placeholder="filter, such as: mem0 lock-bound", id="history-words", select_on_focus=False)
        words.display = False
        yield words
        yield panel("All runs", RunTable(self._columns(), id="history"), id="history-panel")

    def on_mount(self) -> None:
        """Start to follow the runs that finish while the place is displayed."""
        self.query_one(RunTable).focus()
        self.watch(self.app, "finished", self._load_if_current, init=False)

    def on_screen_resume(self) -> None:
        """Load what was stored while another place was displayed."""
        self._load()

    def chosen_records(self) -> tuple[Record, ...]:
        """Return the records of the marked runs, or else of all shown; empty if the history cannot be read."""
        names = [name for name in self._rows if name in self.marked]
        return self._records(names or [run.run_id for run in self.query_one(RunTable).rows])

    def action_open(self) -> None:
        """Open the marked runs, or the selected one, in Results."""
        if records := self._records(self._targets()):
            self.dashboard.open_records(records)

    def action_mark(self) -> None:
        """Mark or unmark the selected run, and select the next."""
        table = self.query_one(RunTable)
        if table.selected:
            self.marked ^= {table.selected.run_id}
            table.cursor += 1

    def watch_marked(self) -> None:
        """Display the marks and their number."""
        self.query_one(RunTable).refresh()
        self._update_border()

    def action_filter(self) -> None:
        """Focus the filter."""
        words = self.query_one("#history-words", Input)
        words.display = True
        words.focus()

    def action_clear(self) -> None:
        """Remove the filter; if there is none, unmark the marked runs."""
        words = self.query_one("#history-words", Input)
        if not words.display:
            self.marked = frozenset()
        words.value, words.display = "", False
        self.query_one(RunTable).focus()

    @on(Input.Changed, "#history-words")
    def _apply_filter(self) -> None:
        self._update()

    @on(Input.Submitted, "#history-words")
    def _leave_filter(self) -> None:
        self.query_one(RunTable).focus()

    def action_toggle_reference(self) -> None:
        """Mark the selected run as a reference, or remove the mark."""
        run = self.query_one(RunTable).selected
        if run:
            row = self._rows[run.run_id]
            self._change(lambda history: history.set_reference(row.run_id, not row.reference))

    def action_delete(self) -> None:
        """Delete the marked runs, or the selected one."""
        names = self._targets()
        if names and self._change(lambda history: history.delete(names)):
            self.notify(f"Deleted {plural(len(names), 'run')}; u restores")

    def action_undo(self) -> None:
        """Restore the runs that were deleted last."""
        restored: list[int] = []
        if self._change(lambda history: restored.append(history.undo())):
            self.notify(f"Restored {plural(restored[0], 'run')}" if restored[0] else "Nothing to restore")

    def _targets(self) -> list[str]:
        """Return the IDs of the marked runs, the newest first, or else of the selected run."""
        selected = self.query_one(RunTable).selected
        marked = [name for name in self._rows if name in self.marked]
        return marked or ([selected.run_id] if selected else [])

    def _load_if_current(self) -> None:
        if self.is_current:
            self._load()

    def _load(self) -> None:
        table = self.query_one(RunTable)
        try:
            with History() as history:
                self._rows, self._notice = {row.run_id: row for row in history.runs()}, history.notice
        except HistoryError as error:
            self._rows, self._notice, table.empty = {}, "", f"The history cannot be read: {error}"
        else:
            table.empty = NO_RUNS
        self.marked &= self._rows.keys()
        self._update()

    def _update(self) -> None:
        """Display the runs that match the filter; the cursor stays on its run if that is one of them."""
        table, words = self.query_one(RunTable), self.query_one("#history-words", Input).value.split()
        selected = table.selected
        if self._rows:
            table.empty = NO_MATCH
        table.rows = tuple(
            RunView.of_summary(row, hue) for hue, row in enumerate(self._rows.values()) if row.matches(words)
        )
        if selected:
            table.select(selected.run_id)
        self._update_border()

    def _update_border(self) -> None:
        shown, total = len(self.query_one(RunTable).rows), len(self._rows)
        count = plural(total, "run") if shown == total else f"{shown:,} of {plural(total, 'run')}"
        marked = f" · {len(self.marked):,} marked" if self.marked else ""
        read_only = " · only read: a newer membench-tui wrote it" if self._notice else ""
        self.query_one("#history-panel").border_subtitle = plain(f"{count}{marked}{read_only}")

    def _records(self, names: Iterable[str]) -> tuple[Record, ...]:
        """Return whole records, and notify the user of those that cannot be read."""
        records: list[Record] = []
        try:
            with History() as history:
                for name in names:
                    try:
                        records.append(history.record(name))
                    except (HistoryError, UnknownRunError) as error:
                        self.notify(str(error), severity="error", markup=False)
        except HistoryError as error:
            self.notify(str(error), severity="error", markup=False)
        return tuple(records)

    def _change(self, change: Callable[[History], object]) -> bool:
        """Change the history and display it again. If that fails, notify the user and return False."""
        try:
            with History() as history:
                change(history)
        except HistoryError as error:
            self.notify(str(error), severity="error")
            return False
        self._load()
        return True

    def _columns(self) -> tuple[Column, ...]:
        return (
            Column("", self._marks, figure=False),
            Column("started", self._started, figure=False),
            *(columns.SCENARIO, columns.BACKEND, replace(columns.OPTIONS, priority=10), columns.STRATEGY),
            *(columns.THREADS, columns.STORE, replace(columns.CLIENTS, priority=0)),
            *(replace(columns.PRECISION, priority=9), columns.RATE, columns.P99, columns.LONGEST, columns.LOCK_SHARE),
            *(columns.WEIGHTS, columns.STATUS, columns.CONCLUSION),
        )

    def _started(self, run: RunView) -> str:
        """Return `21 Nov 14:05`, or `2025-11-21` for another year; a dash where it is damaged."""
        began, now = self._rows[run.run_id].began, datetime.now()
        if began is None:
            return "–"
        return began.strftime("%d %b %H:%M" if began.year == now.year else "%Y-%m-%d")

    def _marks(self, run: RunView) -> str:
        """Return how the run ended, whether it is marked, and the star of a reference."""
        name = run.run_id
        reference = "★" if self._rows[name].reference else " "
        return f"{columns.state_mark(run)}{'•' if name in self.marked else ' '}{reference}"
