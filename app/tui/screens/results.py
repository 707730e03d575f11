"""Results: every run that is over, to sort and to read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Static

from app.console import remarks
from app.results.record import Record
from app.tui.colours import hue_of
from app.tui.screens.place import Place
from app.tui.snapshot import RunView
from app.tui.widgets import columns
from app.tui.widgets.histogram import in_words
from app.tui.widgets.table import Column, RunTable
from app.units import format_count, format_rate

COLUMNS = (
    *(columns.MARK, columns.SCENARIO, columns.BACKEND, columns.STRATEGY, columns.STORE, columns.CLIENTS),
    *(columns.RATE, columns.P50, columns.P99, columns.ERRORS, columns.STORED, columns.LOST),
    *(columns.WEIGHTS, columns.STATUS),
)
SORTABLE = COLUMNS[1:]
NOTHING_YET = "No run is over yet: 1 goes to Plan, enter there runs it."


class ResultsScreen(Place):
    """The table, and what there is to say about the selected run."""

    NAME = "results"
    HELP = "Every run since the dashboard was started. Below the table: what the selected run's row cannot say."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "Sort", tooltip="Sort by the next column; after the last, in the order they were run"),
        Binding("r", "reverse", "Reverse", tooltip="Turn the order round"),
        Binding("l", "log", "Log", tooltip="Show the log of the selected run"),
        Binding("e", "app.export", "Export", tooltip="Write all these runs to a CSV file"),
    ]

    sort_column: var[int | None] = var(None, init=False)
    """Index in SORTABLE; None is the order in which they were run."""
    reverse: var[bool] = var(False, init=False)
    """Whether the order is turned round."""

    def body(self) -> Iterable[Widget]:
        """The table above, words below."""
        table = RunTable(COLUMNS, id="results")
        table.empty = NOTHING_YET
        panel = Vertical(table, id="results-panel", classes="panel")
        panel.border_title = "Runs"
        details = VerticalScroll(Static(id="details"), id="details-panel", classes="panel", can_focus=False)
        details.border_title = "Selected"
        yield panel
        yield details

    def on_mount(self) -> None:
        """Follow the runs."""
        self.query_one(RunTable).focus()
        self.watch(self.app, "finished", self._show)

    def action_sort(self) -> None:
        """Sort by the next column."""
        at = -1 if self.sort_column is None else self.sort_column
        self.sort_column = at + 1 if at + 1 < len(SORTABLE) else None

    def action_reverse(self) -> None:
        """Turn the order round."""
        self.reverse = not self.reverse

    def action_log(self) -> None:
        """Show the log of the selected run."""
        self.dashboard.show_log(self.query_one(RunTable).selected)

    def watch_sort_column(self) -> None:
        """Sort anew."""
        self._show()

    def watch_reverse(self) -> None:
        """Sort anew."""
        self._show()

    def _show(self) -> None:
        table = self.query_one(RunTable)
        column = None if self.sort_column is None else SORTABLE[self.sort_column]
        table.sorted_by = column
        table.rows = ordered(self.dashboard.finished, column, self.reverse)
        panel = self.query_one("#results-panel")
        panel.border_subtitle = f"by {column.title}" if column else "in the order run"
        self._explain()

    @on(RunTable.Selected)
    def _explain(self) -> None:
        run = self.query_one(RunTable).selected
        self.query_one("#details", Static).update(details_of(run) if run else "")


def ordered(runs: Sequence[RunView], column: Column | None, reverse: bool) -> tuple[RunView, ...]:
    """Runs by a column: numbers from the highest, words from A; those that have no value at the end."""
    if column is None:
        return tuple(reversed(runs)) if reverse else tuple(runs)
    keyed = [(column.order(run) if column.order else column.cell(run), run) for run in runs]
    having = sorted(((key, run) for key, run in keyed if key is not None), key=lambda pair: pair[0],
                    reverse=column.number != reverse)  # fmt: skip
    return tuple(run for _, run in having) + tuple(run for key, run in keyed if key is None)


def details_of(run: RunView) -> Content:
    """Everything about a run that its row has no room for."""
    record = run.record
    if record is None:
        return Content("")
    lines = [
        Content.styled(run.spec.title(), f"bold {hue_of(run.hue)}"),
        in_words(run.course.latencies),
        Content(_audit_in_words(record)),
        *(Content.styled(line, "$error" if record.error and record.error in line else "$foreground 60%")
          for line in remarks([record])),
        Content.styled(f"log: {run.log}", "$foreground 60%") if run.log else Content(""),
    ]  # fmt: skip
    return Content("\n").join([line for line in lines if line.plain])


def _audit_in_words(record: Record) -> str:
    if record.stored is None:
        return f"{format_count(record.acknowledged)} acknowledged; nothing was read back"
    mean = f"{format_rate(record.ops_per_s)} memories/s: "
    return (
        f"{mean}{format_count(record.acknowledged)} acknowledged, {format_count(record.stored)} stored, "
        f"{format_count(record.lost)} lost, {format_count(record.duplicated)} duplicated, "
        f"{format_count(record.corrupted)} corrupted"
    )
