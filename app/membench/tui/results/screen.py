"""Results: every finished run, to sort, read and compare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.reactive import var
from textual.widget import Widget

from membench.analysis.comparison import clearly_fastest
from membench.report.headline import headline
from membench.report.published import published_line, published_rows
from membench.report.scaling import ScalingGroup, scaling_group_of, scaling_groups
from membench.results.record import Record
from membench.tui.common import columns, plot
from membench.tui.common.panel import panel
from membench.tui.common.place import Place
from membench.tui.common.plain import Static, plain
from membench.tui.common.snapshot import RunView, Snapshot
from membench.tui.common.table import Column, RunTable
from membench.tui.results.comparison import Comparison, appearances_of
from membench.tui.results.details import Details
from membench.tui.results.scaling import ScalingFits
from membench.tui.results.selection import Selection, View, records_of
from membench.tui.results.sorting import AS_RUN, SortBy
from membench.units import plural

TIME_WIDTH = 14
DETAILS_FROM = 160
"""Columns from which on the selected run is displayed next to the charts."""
TWO_CHARTS_FROM = 100
"""Columns from which on two charts fit side by side."""
NO_RESULTS = "No run has finished yet. Press 1 for Plan, then enter to run it."


class ResultsScreen(Place):
    """The headline of the plan, the table of runs, and below it the selected run or charts of several."""

    NAME = "results"
    HELP = (
        "Every run that has finished since the dashboard was started, and runs opened from History. A star marks a run "
        "that is faster than each comparable run by more than chance. Below the table: why the selected run is as fast "
        "as it is. Mark runs with space to compare them; c switches between the selected run and charts. t tries the "
        "advice for the selected run."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark", tooltip="Mark the selected run for comparison, or unmark it",
                id="results.mark"),
        Binding("u", "unmark", "Unmark", show=False, tooltip="Unmark all runs", id="results.unmark"),
        Binding("c", "next_view", "Charts",
                tooltip="Show the next chart of the marked runs, or of comparable ones; then the selected run again",
                id="results.charts"),
        Binding("s", "sort", "Sort", tooltip="Sort by a column: press the underlined letter of its title",
                id="results.sort"),
        Binding("r", "reverse", "Reverse", tooltip="Reverse the order", id="results.reverse"),
        Binding("y", "copy", "Copy", tooltip="Copy the marked runs, or all, as a Markdown table", id="results.copy"),
        Binding("e", "app.export", "Export",
                tooltip="Write the marked runs, or all, to a file: CSV, JSON, Markdown, HDR percentiles or SVG",
                id="results.export"),
        Binding("t", "try", "Try", tooltip="Try the advice: measure the alternative next to the selected run",
                id="results.try"),
        Binding("l", "log", "Log", tooltip="Show the log of the selected run", id="results.log"),
        Binding("tab", "app.focus_next", "Next panel", show=False, tooltip="Focus the next panel, to scroll it",
                id="results.next_panel"),
    ]  # fmt: skip

    sorted_by: var[str] = var(AS_RUN, init=False)
    """The letter of the column that the runs are sorted by."""
    reverse: var[bool] = var(False, init=False)
    """Whether the order is reversed."""
    marked: var[tuple[str, ...]] = var((), init=False)
    """The IDs of the marked runs, in the order in which they were marked."""
    view: var[View] = var("run", init=False)
    """The content of the lower half."""

    def __init__(self) -> None:
        super().__init__()
        self._fits = ScalingFits(self, self._update_lower_half)
        self._user_has_selected = False
        """Whether the user has selected a run since the plan was started."""
        self._headline_of = ("", False)
        """The plan that the headline is about, and whether it has ended."""

    def body(self) -> Iterable[Widget]:
        """Return the headline, the table, and the lower half."""
        yield Static(id="headline")
        table = RunTable((), id="results", sortable=True)
        table.empty = NO_RESULTS
        yield panel("Runs", table, id="results-panel")
        yield Horizontal(Details(id="details-panel", classes="panel"), Comparison(id="comparison"), id="details")

    def on_mount(self) -> None:
        """Start to follow the runs."""
        self.query_one(RunTable).focus()
        self.call_after_refresh(plot.load)
        self.watch(self.query_one(RunTable), "dropped", self._update_border)
        self.watch(self.app, "finished", self._update)
        self.watch(self.app, "snapshot", self._update_headline)
        self._arrange()

    def on_screen_resume(self) -> None:
        """Catch up with what changed while another place was displayed."""
        self._update_lower_half()

    def on_resize(self) -> None:
        """Display as much side by side as fits."""
        self._arrange()

    def chosen_records(self) -> tuple[Record, ...]:
        """Return the records of the marked runs, or else of all."""
        return records_of(self._selection.chosen)

    def action_mark(self) -> None:
        """Mark or unmark the selected run, and display charts as soon as a run is marked."""
        run = self.query_one(RunTable).selected
        if run is None:
            return
        name = run.run_id
        others = tuple(each for each in self.marked if each != name)
        self.marked = others if name in self.marked else (*self.marked, name)
        if not self.marked:
            self.view = "run"
        elif self._selection.has_scaling and (self.view == "run" or len(self.marked) > 2):
            self.view = "scaling"
        elif self.view == "run":
            self.view = "throughput"

    def action_unmark(self) -> None:
        """Unmark all runs."""
        self.marked = ()
        self.view = "run"

    def action_next_view(self) -> None:
        """Display the next chart, or after the last one the selected run."""
        views = self._selection.views(narrow=self._is_narrow)
        at = views.index(self.view) if self.view in views else 0
        self.view = views[(at + 1) % len(views)]

    def action_sort(self) -> None:
        """Ask which column to sort by."""
        sortable = [column for column in self._columns() if column.letter]
        self.app.push_screen(SortBy(sortable), self._sort_by)

    def action_reverse(self) -> None:
        """Reverse the order."""
        self.reverse = not self.reverse

    def action_copy(self) -> None:
        """Copy a table of the chosen runs."""
        from membench.report.exports import to_markdown

        records = self.chosen_records()
        if not records:
            self.notify("Nothing to copy: no run has finished.", severity="warning")
            return
        self.app.copy_to_clipboard(to_markdown(records, self.dashboard.catalogue).decode())
        self.notify(f"{plural(len(records), 'run')} copied as a Markdown table", timeout=4)

    def action_try(self) -> None:
        """Try the advice for the selected run."""
        self.dashboard.try_advice(self.query_one(RunTable).selected)

    def action_log(self) -> None:
        """Show the log of the selected run."""
        self.dashboard.show_log(self.query_one(RunTable).selected)

    def watch_sorted_by(self) -> None:
        """Sort the table."""
        self._update()

    def watch_reverse(self) -> None:
        """Sort the table."""
        self._update()

    def watch_marked(self) -> None:
        """Display the marked runs."""
        self._update()

    def watch_view(self) -> None:
        """Display another view."""
        self._arrange()
        self._update()

    @property
    def _selection(self) -> Selection:
        finished = self.dashboard.finished
        by_id = {run.run_id: run for run in finished}
        marked = tuple(by_id[name] for name in self.marked if name in by_id)
        return Selection(finished, marked, self.query_one(RunTable).selected)

    @property
    def _is_narrow(self) -> bool:
        return self.app.size.width < TWO_CHARTS_FROM

    def _sort_by(self, letter: str | None) -> None:
        if letter is None:
            return
        if letter and letter == self.sorted_by:
            self.reverse = not self.reverse
        else:
            self.sorted_by, self.reverse = letter, False

    def _update(self) -> None:
        """Display the runs in the table, and the lower half."""
        table, shown, selected = self.query_one(RunTable), self._columns(), self.query_one(RunTable).selected
        table.rows = _ordered(self.dashboard.finished, _column_of(self.sorted_by, shown), self.reverse)
        table.set_columns(shown, self.sorted_by)
        if selected is not None and self._user_has_selected:
            table.select(selected.run_id)
        self._update_border()
        self._update_lower_half()

    def _columns(self) -> tuple[Column, ...]:
        compared = self._selection.compared(self.view) if self.view != "run" else ()
        markers = {look.run_id: look.marker for look in appearances_of(compared, self._groups(compared))}
        return _columns_of(self.dashboard.finished, markers)

    def _update_border(self) -> None:
        table = self.query_one(RunTable)
        column = _column_of(self.sorted_by, table.columns)
        texts = [f"{len(self.marked)} marked"] if self.marked else []
        texts.append(f"sorted by {column.title}" if column else "in the order run")
        if table.dropped:
            texts.append(f"{plural(table.dropped, 'more column')} in a wider terminal")
        self.query_one("#results-panel").border_subtitle = plain(" · ".join(texts))

    def _update_headline(self, snapshot: Snapshot | None) -> None:
        """Display the headline when a plan ends, and remove it when the next one starts."""
        if snapshot is None or self._headline_of == (snapshot.plan_id, snapshot.over):
            return
        self._headline_of = (snapshot.plan_id, snapshot.over)
        answer = headline(snapshot.records) if snapshot.over else None
        place = self.query_one("#headline", Static)
        place.update(answer.text if answer else "")
        place.display = answer is not None
        if not snapshot.over:
            self._user_has_selected = False
        elif answer and not self._user_has_selected:
            tried = self.dashboard.runs.tried
            self.query_one(RunTable).select(tried.run_id if tried else answer.run_id)
        self._update_lower_half()

    @on(RunTable.Selected)
    def _select(self) -> None:
        self._user_has_selected = True
        if self.view != "run" and len(self.marked) < 2:
            self._update()
        else:
            self._update_lower_half()

    def _update_lower_half(self) -> None:
        if not self.is_current:
            return
        self._arrange()
        measuring, details = self.dashboard.running, self.query_one("#details-panel", Details)
        if details.display:
            details.run = run = self.query_one(RunTable).selected
            group = scaling_group_of(run.record, records_of(self.dashboard.finished)) if run and run.record else None
            details.published = self._published_of(run) if run and run.record and not measuring else ()
            details.scaling = self._fits.get(group, measuring=measuring).lines if group else ()
        if self.view != "run":
            comparison, compared = self.query_one(Comparison), self._selection.compared(self.view)
            comparison.chart = self.view
            groups = self._groups(compared)
            comparison.show(compared, [(group, self._fits.get(group, measuring=measuring)) for group in groups])

    def _published_of(self, run: RunView) -> tuple[str, ...]:
        records = records_of(self.dashboard.finished)
        return tuple(map(published_line, published_rows(records, self.dashboard.catalogue, of=run.run_id)))

    def _arrange(self) -> None:
        has_details = self.view == "run" or self.app.size.width >= DETAILS_FROM
        self.query_one("#details-panel").display = has_details and bool(self.dashboard.finished)
        self.set_class(self.view != "run", "charts")
        comparison = self.query_one(Comparison)
        comparison.display = self.view != "run"
        comparison.single = self._is_narrow

    def _groups(self, runs: Iterable[RunView]) -> tuple[ScalingGroup, ...]:
        """Return the systems in the scaling chart."""
        return scaling_groups(records_of(runs)) if self.view == "scaling" else ()


def _columns_of(runs: Sequence[RunView], markers: Mapping[str, str]) -> tuple[Column, ...]:
    """Return the columns for some runs; `markers` are the characters of those in the charts, by run ID."""
    fastest = clearly_fastest([record for record in records_of(runs) if record.is_sound])
    precisions = {columns.precision(run) for run in runs}
    return (
        *(columns.markers(markers), columns.MARK, columns.SCENARIO, columns.BACKEND),
        *((columns.OPTIONS,) if any(run.figures.backend_note() for run in runs) else ()),
        columns.STRATEGY,
        *((columns.PRECISION,) if len(precisions) > 1 else ()),
        *(columns.THREADS, columns.STORE, columns.CLIENTS, columns.rate(fastest), columns.P50, columns.P99),
        *(columns.LONGEST, columns.LOCK_SHARE, columns.time_bar(TIME_WIDTH), columns.ERRORS, columns.LOST),
        *(columns.WEIGHTS, columns.CONCLUSION),
    )


def _column_of(letter: str, shown: Iterable[Column]) -> Column | None:
    return next((column for column in shown if column.letter and column.letter == letter), None)


def _ordered(runs: Sequence[RunView], column: Column | None, reverse: bool) -> tuple[RunView, ...]:
    """Return the runs sorted by a column: numbers descending, text ascending, unknown values last."""
    if column is None:
        return tuple(reversed(runs)) if reverse else tuple(runs)
    keyed = [(column.order(run) if column.order else column.cell(run), run) for run in runs]
    known = sorted(((key, run) for key, run in keyed if key is not None), key=lambda pair: pair[0],
                   reverse=column.number != reverse)  # fmt: skip
    return tuple(run for _, run in known) + tuple(run for key, run in keyed if key is None)
