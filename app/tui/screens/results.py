"""Results: every run that is over, to sort and to read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.reactive import var
from textual.widget import Widget

from app.tui.scaling import Group, group_of
from app.tui.screens.place import Place
from app.tui.snapshot import RunView, Snapshot
from app.tui.widgets import columns
from app.tui.widgets.details import Details
from app.tui.widgets.table import Column, RunTable

TIME_WIDTH = 14
COLUMNS = (
    *(columns.MARK, columns.SCENARIO, columns.BACKEND, columns.STRATEGY, columns.STORE, columns.CLIENTS),
    *(columns.RATE, columns.P50, columns.P99, columns.LOCK_SHARE, columns.time_bar(TIME_WIDTH), columns.ERRORS),
    *(columns.STORED, columns.LOST, columns.WEIGHTS, columns.STATUS, columns.VERDICT),
)
SORTABLE = tuple(column for column in COLUMNS if column.title and not column.pieces)
NOTHING_YET = "No run is over yet: 1 goes to Plan, enter there runs it."
FITTING = ("a curve is being fitted …",)
FITTED_LATER = ("a curve is fitted when the plan is over: that would be felt by what is measured",)


class ResultsScreen(Place):
    """The table, and what there is to say about the selected run, or about two side by side."""

    NAME = "results"
    HELP = (
        "Every run since the dashboard was started. Below the table: why the selected run is as fast as it is. Hold a "
        "run beside with space and select another to compare the two."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "beside", "Beside", tooltip="Hold the selected run beside the others; again lets it go"),
        Binding("s", "sort", "Sort", tooltip="Sort by the next column; after the last, in the order they were run"),
        Binding("r", "reverse", "Reverse", tooltip="Turn the order round"),
        Binding("l", "log", "Log", tooltip="Show the log of the selected run"),
        Binding("e", "app.export", "Export", tooltip="Write all these runs to a CSV file"),
        Binding("tab", "app.focus_next", "Next panel", show=False, tooltip="Go to the next panel, to scroll in it"),
    ]

    sort_column: var[int | None] = var(None, init=False)
    """Index in SORTABLE; None is the order in which they were run."""
    reverse: var[bool] = var(False, init=False)
    """Whether the order is turned round."""

    beside: var[RunView | None] = var(None, init=False)
    """The run that is held beside the selected one."""

    def __init__(self) -> None:
        super().__init__()
        self._scaling: dict[tuple[str, ...], tuple[str, ...]] = {}
        """Words of each group that was fitted."""

    def body(self) -> Iterable[Widget]:
        """The table above, one run or two below."""
        table = RunTable(COLUMNS, id="results")
        table.empty = NOTHING_YET
        panel = Vertical(table, id="results-panel", classes="panel")
        panel.border_title = "Runs"
        yield panel
        yield Horizontal(
            Details(id="beside-panel", classes="panel"), Details(id="details-panel", classes="panel"), id="details"
        )

    def on_mount(self) -> None:
        """Follow the runs."""
        self.query_one("#beside-panel").display = False
        self.query_one(RunTable).focus()
        self.watch(self.app, "finished", self._show)
        self.watch(self.app, "snapshot", self._plan_goes_on, init=False)

    def on_screen_resume(self) -> None:
        """Say what could not be said while the place was left."""
        self._explain()

    def action_beside(self) -> None:
        """Hold the selected run beside the others, or let go of the one that is held."""
        run = self.query_one(RunTable).selected
        self.beside = None if self.beside else run

    def watch_beside(self) -> None:
        """Make room for it, or take it back."""
        self.query_one("#beside-panel").display = self.beside is not None
        self._explain()

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

    def _plan_goes_on(self, before: Snapshot | None, after: Snapshot | None) -> None:
        if after and after.over and not (before and before.over):
            self._explain()

    @on(RunTable.Selected)
    def _explain(self) -> None:
        if not self.is_current:
            return
        panels = self.query_one("#details-panel", Details), self.query_one("#beside-panel", Details)
        for panel, run in zip(panels, (self.query_one(RunTable).selected, self.beside), strict=True):
            panel.run = run
            panel.scaling = self._scaling_of(run)

    def _scaling_of(self, run: RunView | None) -> tuple[str, ...]:
        """How the system of a run scales: at once if it was fitted before, else later."""
        records = [other.record for other in self.dashboard.finished if other.record]
        group = group_of(run.record, records) if run and run.record else None
        if group is None:
            return ()
        if group.key not in self._scaling:
            if self.dashboard.running:
                return FITTED_LATER
            self._scaling[group.key] = FITTING
            self.run_worker(lambda: self._fit(group), thread=True)
        return self._scaling[group.key]

    def _fit(self, group: Group) -> None:
        words = group.in_words()
        self.app.call_from_thread(self._fitted, group, words)

    def _fitted(self, group: Group, words: tuple[str, ...]) -> None:
        self._scaling[group.key] = words
        self._explain()


def ordered(runs: Sequence[RunView], column: Column | None, reverse: bool) -> tuple[RunView, ...]:
    """Runs by a column: numbers from the highest, words from A; those that have no value at the end."""
    if column is None:
        return tuple(reversed(runs)) if reverse else tuple(runs)
    keyed = [(column.order(run) if column.order else column.cell(run), run) for run in runs]
    having = sorted(((key, run) for key, run in keyed if key is not None), key=lambda pair: pair[0],
                    reverse=column.number != reverse)  # fmt: skip
    return tuple(run for _, run in having) + tuple(run for key, run in keyed if key is None)
