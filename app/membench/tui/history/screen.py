"""History: every run that this machine has kept, to find, to open, to mark, to export and to delete."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import ClassVar

from msgspec.structs import replace
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Input

from membench.results.history import History, HistoryError, HistoryRow, UnknownRunError
from membench.results.record import Record
from membench.tui.common import columns
from membench.tui.common.place import Place
from membench.tui.common.snapshot import RunView
from membench.tui.common.table import Column, RunTable
from membench.tui.history.views import row_of
from membench.units import plural

NOTHING_KEPT = "No run is kept yet: 1 goes to Plan, enter there runs it, and what is over is kept here."
NOTHING_FOUND = "No run has all these words in it: esc shows all runs again."


class HistoryScreen(Place):
    """The table of all runs, the newest first, and a line to filter them by."""

    NAME = "history"
    HELP = (
        "Every run of this machine, also from the command line. Type / and words to find runs: every word must be "
        "in some column. Enter opens the marked runs, or the selected one, in Results, as if they had just been run. "
        "A star marks a reference: what you hold others against."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", tooltip="Open the marked runs, or the selected one, in Results",
                id="history.open"),
        Binding("space", "mark", "Mark", tooltip="Mark the selected run, or let go of it", id="history.mark"),
        Binding("slash", "filter", "Filter", key_display="/", tooltip="Show runs in which all words are found",
                id="history.filter"),
        Binding("escape", "clear", "All", show=False, tooltip="Show all runs again; then let go of the marked ones",
                id="history.clear"),
        Binding("asterisk,m", "refer", "Reference",
                tooltip="Mark the selected run as a reference, or take the star away", id="history.refer"),
        Binding("d,delete", "delete", "Delete", tooltip="Delete the marked runs, or the selected one",
                id="history.delete"),
        Binding("u", "undo", "Undo", tooltip="Bring back the runs that were deleted last", id="history.undo"),
        Binding("e", "app.export", "Export", tooltip="Write the marked runs, or those shown, to a file",
                id="history.export"),
    ]  # fmt: skip

    marked: var[frozenset[str]] = var(frozenset(), init=False)
    """Names of the runs that are marked."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, HistoryRow] = {}
        """All runs, the newest first, by their names."""

    def body(self) -> Iterable[Widget]:
        """The words to find, once they are asked for, and the table."""
        words = Input(placeholder="words to find, such as: mem0 lock-bound", id="history-words", select_on_focus=False)
        words.display = False
        yield words
        panel = Vertical(RunTable(self._columns(), id="history"), id="history-panel", classes="panel")
        panel.border_title = "All runs"
        yield panel

    def on_mount(self) -> None:
        """Follow the runs that end while this is looked at."""
        self.query_one(RunTable).focus()
        self.watch(self.app, "finished", self._read_if_seen, init=False)

    def on_screen_resume(self) -> None:
        """See what has been kept since."""
        self._read()

    def chosen_records(self) -> tuple[Record, ...]:
        """What is exported: the marked runs, else those shown, whole; empty if the history cannot be read."""
        names = [name for name in self._rows if name in self.marked]
        return self._whole(names or [run.spec.run_id for run in self.query_one(RunTable).rows])

    def action_open(self) -> None:
        """Open what is marked or selected in Results."""
        if records := self._whole(self._aimed_at()):
            self.dashboard.open_records(records)

    def action_mark(self) -> None:
        """Mark the selected run, or let go of it, and go to the next."""
        table = self.query_one(RunTable)
        if table.selected:
            self.marked ^= {table.selected.spec.run_id}
            table.cursor += 1

    def watch_marked(self) -> None:
        """Show the marks, and how many."""
        self.query_one(RunTable).refresh()
        self._write_border()

    def action_filter(self) -> None:
        """Ask for the words."""
        words = self.query_one("#history-words", Input)
        words.display = True
        words.focus()

    def action_clear(self) -> None:
        """Show all runs again; when they are shown already, let go of the marked ones."""
        words = self.query_one("#history-words", Input)
        if not words.display:
            self.marked = frozenset()
        words.value, words.display = "", False
        self.query_one(RunTable).focus()

    @on(Input.Changed, "#history-words")
    def _filter(self) -> None:
        self._show()

    @on(Input.Submitted, "#history-words")
    def _filtered(self) -> None:
        self.query_one(RunTable).focus()

    def action_refer(self) -> None:
        """Mark the selected run as a reference, or take that back."""
        run = self.query_one(RunTable).selected
        if run:
            row = self._rows[run.spec.run_id]
            self._change(lambda history: history.refer(row.run_id, not row.reference))

    def action_delete(self) -> None:
        """Delete what is marked or selected."""
        names = self._aimed_at()
        if names and self._change(lambda history: history.delete(names)):
            self.notify(f"Deleted {plural(len(names), 'run')}; u undoes")

    def action_undo(self) -> None:
        """Bring back what was deleted last."""
        back: list[int] = []
        if self._change(lambda history: back.append(history.undo())):
            self.notify(f"{plural(back[0], 'run')} brought back" if back[0] else "Nothing has been deleted of late")

    def _aimed_at(self) -> list[str]:
        """The marked runs, from the newest on, or else the selected one."""
        selected = self.query_one(RunTable).selected
        marked = [name for name in self._rows if name in self.marked]
        return marked or ([selected.spec.run_id] if selected else [])

    def _read_if_seen(self) -> None:
        if self.is_current:
            self._read()

    def _read(self) -> None:
        table = self.query_one(RunTable)
        try:
            with History() as history:
                self._rows = {row.run_id: row for row in history.runs()}
        except HistoryError as error:
            self._rows, table.empty = {}, f"The history cannot be read: {error}"
        else:
            table.empty = NOTHING_KEPT
        self.marked &= self._rows.keys()
        self._show()

    def _show(self) -> None:
        """The runs that have the words, the cursor on the same one as before if that is among them."""
        table, words = self.query_one(RunTable), self.query_one("#history-words", Input).value.split()
        before = table.selected
        if self._rows:
            table.empty = NOTHING_FOUND
        table.rows = tuple(row_of(row, hue) for hue, row in enumerate(self._rows.values()) if row.matches(words))
        if before:
            table.select(before.spec.run_id)
        self._write_border()

    def _write_border(self) -> None:
        shown, all_runs = len(self.query_one(RunTable).rows), len(self._rows)
        told = plural(all_runs, "run") if shown == all_runs else f"{shown:,} of {plural(all_runs, 'run')}"
        marked = f" · {len(self.marked):,} marked" if self.marked else ""
        self.query_one("#history-panel").border_subtitle = f"{told}{marked}"

    def _whole(self, names: Iterable[str]) -> tuple[Record, ...]:
        """Whole records; none, and a word why, if they cannot be read."""
        try:
            with History() as history:
                return tuple(history.record(name) for name in names)
        except (HistoryError, UnknownRunError) as error:
            self.notify(str(error), severity="error")
            return ()

    def _change(self, change: Callable[[History], object]) -> bool:
        """Change the history and show it anew; False, and a word why, if that fails."""
        try:
            with History() as history:
                change(history)
        except HistoryError as error:
            self.notify(str(error), severity="error")
            return False
        self._read()
        return True

    def _columns(self) -> tuple[Column, ...]:
        return (
            Column("", self._signs, figure=False),
            Column("when", self._when, figure=False),
            *(columns.SCENARIO, columns.BACKEND, columns.STRATEGY, columns.STORE, replace(columns.CLIENTS, priority=0)),
            *(
                replace(columns.PRECISION, priority=9),
                columns.RATE,
                columns.P99,
                columns.LOCK_SHARE,
                columns.WEIGHTS,
                columns.STATUS,
                columns.VERDICT,
            ),
        )

    def _when(self, run: RunView) -> str:
        """`21 Nov 14:05`; another year's as `2025-11-21`."""
        when, now = self._rows[run.spec.run_id].began, datetime.now()
        return when.strftime("%d %b %H:%M" if when.year == now.year else "%Y-%m-%d")

    def _signs(self, run: RunView) -> str:
        """How the run ended, whether it is marked, and the star of a reference."""
        name = run.spec.run_id
        return f"{columns.mark(run)}{'•' if name in self.marked else ' '}{'★' if self._rows[name].reference else ' '}"
