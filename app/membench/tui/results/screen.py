"""Results: every run that is over, to sort, to read, and to hold against each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Static

from membench.report.headline import best_of, group_key, headline
from membench.results.record import Record
from membench.tui.common import columns, plot
from membench.tui.common.place import Place
from membench.tui.common.snapshot import RunView, Snapshot
from membench.tui.common.table import Column, RunTable
from membench.tui.results.comparison import Comparison, looks_of
from membench.tui.results.details import Details
from membench.tui.results.scaling import Fitted, Group, group_of, groups_in
from membench.tui.results.sorting import AS_RUN, SortBy
from membench.units import plural

View = Literal["run", "throughput", "latency", "scaling"]
"""What the lower half shows: the selected run, or a chart of several."""

TIME_WIDTH = 14
ROOMY = 160
"""Columns from which on the selected run stays beside the charts."""
NARROW = 100
"""Columns below which there is room for one chart only."""
COMPARED_MAX = 10
NOTHING_YET = "No run is over yet: 1 goes to Plan, enter there runs it."
FITTING = Fitted.without_curve("a curve is being fitted …")
FITTED_LATER = Fitted.without_curve("a curve is fitted when the plan is over: that would be felt by what is measured")


class ResultsScreen(Place):
    """What the plan says in a sentence, the table of its runs, and below it one run or several beside each other."""

    NAME = "results"
    HELP = (
        "Every run since the dashboard was started; a star marks the best of those with the same to do. Below the "
        "table: why the selected run is as fast as it is. Mark runs with space to compare them; c shows charts."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark", tooltip="Mark the selected run, to compare it with others", id="results.mark"),
        Binding("u", "unmark", "Unmark", show=False, tooltip="Let go of all marked runs", id="results.unmark"),
        Binding(
            "c",
            "charts",
            "Charts",
            tooltip="Charts of the marked runs, else of all with the same to do as the selected; then its story again",
            id="results.charts",
        ),
        Binding("s", "sort", "Sort", tooltip="Sort by a column: its letter is underlined", id="results.sort"),
        Binding("r", "reverse", "Reverse", tooltip="Turn the order round", id="results.reverse"),
        Binding("y", "copy", "Copy", tooltip="Copy the marked runs, or all, as a Markdown table", id="results.copy"),
        Binding(
            "e",
            "app.export",
            "Export",
            tooltip="Write the marked runs, or all, to a file: CSV, JSON, Markdown, HDR or a picture",
            id="results.export",
        ),
        Binding("l", "log", "Log", tooltip="Show the log of the selected run", id="results.log"),
        Binding(
            "tab", "app.focus_next", "Next panel", show=False, tooltip="Go to the next panel, to scroll in it",
            id="results.next_panel",
        ),
    ]  # fmt: skip

    sorted_by: var[str] = var(AS_RUN, init=False)
    """Letter of the column that the runs are sorted by."""
    reverse: var[bool] = var(False, init=False)
    """Whether the order is turned round."""
    marked: var[tuple[str, ...]] = var((), init=False)
    """Names of the runs to compare, in the order in which they were marked."""
    view: var[View] = var("run", init=False)
    """What the lower half shows."""

    def __init__(self) -> None:
        super().__init__()
        self._fitted: dict[tuple[str, ...], Fitted] = {}
        """The curve of each group of which it was asked for."""
        self._looked = False
        """Whether the person has chosen a run since the plan was begun."""
        self._seen = ("", False)
        """The plan that was seen last, and whether it was over."""

    def body(self) -> Iterable[Widget]:
        """The answer, the table, and below it one run or several."""
        yield Static(id="headline", markup=False)
        table = RunTable((), id="results", sortable=True)
        table.empty = NOTHING_YET
        panel = Vertical(table, id="results-panel", classes="panel")
        panel.border_title = "Runs"
        yield panel
        yield Horizontal(Details(id="details-panel", classes="panel"), Comparison(id="comparison"), id="details")

    def on_mount(self) -> None:
        """Follow the runs."""
        self.query_one(RunTable).focus()
        self.call_after_refresh(plot.load)
        self.watch(self.app, "finished", self._show)
        self.watch(self.app, "snapshot", self._plan_goes_on)
        self._arrange()

    def on_screen_resume(self) -> None:
        """Say what could not be said while the place was left."""
        self._show_below()

    def on_resize(self) -> None:
        """Show as much beside each other as there is room for."""
        self._arrange()
        self.call_after_refresh(self._write_borders)

    @property
    def chosen(self) -> tuple[RunView, ...]:
        """What is copied and exported: the marked runs, else all."""
        return self._marked_runs() or self.dashboard.finished

    @property
    def compared(self) -> tuple[RunView, ...]:
        """The marked runs; a single one together with the selected; without any, those with the same to do."""
        marked = self._marked_runs()
        selected = self.query_one(RunTable).selected
        if marked or selected is None or selected.record is None:
            beside = (selected,) if len(marked) == 1 and selected and selected not in marked else ()
            return (*marked, *beside)
        peers = self._scaling_peers(selected.record) if self.view == "scaling" else self._peers(selected.record)
        return peers[:COMPARED_MAX]

    def chosen_records(self) -> tuple[Record, ...]:
        """The marked runs, else all."""
        return self._records(self.chosen)

    def action_mark(self) -> None:
        """Mark the selected run, or let go of it; show charts as soon as there is something to compare."""
        run = self.query_one(RunTable).selected
        if run is None:
            return
        name = run.spec.run_id
        self.marked = (
            tuple(each for each in self.marked if each != name) if name in self.marked else (*self.marked, name)
        )
        if not self.marked:
            self.view = "run"
        elif self.view == "run":
            self.view = "scaling" if groups_in(self._records(self._marked_runs())) else "throughput"
        elif len(self.marked) > 2 and groups_in(self._records(self._marked_runs())):
            self.view = "scaling"

    def action_unmark(self) -> None:
        """Let go of all marked runs."""
        self.marked = ()
        self.view = "run"

    def action_charts(self) -> None:
        """Go on to the next chart, and after the last back to the run."""
        views = self._views()
        at = views.index(self.view) if self.view in views else 0
        self.view = views[(at + 1) % len(views)]

    def action_sort(self) -> None:
        """Ask which column to sort by."""
        sortable = [column for column in self._columns() if column.letter]
        self.app.push_screen(SortBy(sortable), self._sort_by)

    def action_reverse(self) -> None:
        """Turn the order round."""
        self.reverse = not self.reverse

    def action_copy(self) -> None:
        """Copy a table of the runs."""
        from membench.report.exports import to_markdown

        records = self.chosen_records()
        if not records:
            self.notify("There is nothing to copy yet: no run is over.", severity="warning")
            return
        self.app.copy_to_clipboard(to_markdown(records).decode())
        self.notify(f"{plural(len(records), 'run')} copied as a Markdown table", timeout=4)

    def action_log(self) -> None:
        """Show the log of the selected run."""
        self.dashboard.show_log(self.query_one(RunTable).selected)

    def watch_sorted_by(self) -> None:
        """Sort anew."""
        self._show()

    def watch_reverse(self) -> None:
        """Sort anew."""
        self._show()

    def watch_marked(self) -> None:
        """Show what is marked."""
        self._show()

    def watch_view(self) -> None:
        """Show it."""
        self._arrange()
        self._show()

    def _sort_by(self, letter: str | None) -> None:
        if letter is None:
            return
        if letter and letter == self.sorted_by:
            self.reverse = not self.reverse
        else:
            self.sorted_by, self.reverse = letter, False

    def _show(self) -> None:
        table = self.query_one(RunTable)
        shown = self._columns()
        column = next((each for each in shown if each.letter and each.letter == self.sorted_by), None)
        selected = table.selected
        table.rows = ordered(self.dashboard.finished, column, self.reverse)
        table.set_columns(shown, self.sorted_by)
        if selected is not None and self._looked:
            table.select(selected.spec.run_id)
        self._show_below()
        self.call_after_refresh(self._write_borders)

    def _columns(self) -> tuple[Column, ...]:
        runs = self.dashboard.finished
        compared = self.compared if self.view != "run" else ()
        signs = {look.run_id: look.sign for look in looks_of(compared, self._groups(compared))}
        differ = len({columns.precision(run) for run in runs}) > 1
        return (
            *(columns.signs(signs), columns.MARK, columns.SCENARIO, columns.BACKEND, columns.STRATEGY),
            *((columns.PRECISION,) if differ else ()),
            *(columns.STORE, columns.CLIENTS, columns.rate(best_of(self._records(runs))), columns.P50, columns.P99),
            *(columns.LOCK_SHARE, columns.time_bar(TIME_WIDTH), columns.ERRORS, columns.LOST, columns.WEIGHTS),
            columns.VERDICT,
        )

    def _write_borders(self) -> None:
        panel, table = self.query_one("#results-panel"), self.query_one(RunTable)
        column = next((each for each in table.columns if each.letter and each.letter == self.sorted_by), None)
        words = [f"{len(self.marked)} marked"] if self.marked else []
        words.append(f"by {column.title}" if column else "in the order run")
        if table.dropped:
            words.append(f"{plural(table.dropped, 'more column')} in a wider terminal")
        panel.border_subtitle = " · ".join(words)

    def _plan_goes_on(self, after: Snapshot | None) -> None:
        if after is None or self._seen == (after.plan_id, after.over):
            return
        self._seen = (after.plan_id, after.over)
        answer = headline(after.records) if after.over else None
        place = self.query_one("#headline", Static)
        place.update(answer.words if answer else "")
        place.display = answer is not None
        if not after.over:
            self._looked = False
        elif answer and not self._looked:
            self.query_one(RunTable).select(answer.run_id)
        self._show_below()

    @on(RunTable.Selected)
    def _selected(self) -> None:
        self._looked = True
        if self.view != "run" and len(self.marked) < 2:
            self._show()
        else:
            self._show_below()

    def _show_below(self) -> None:
        if not self.is_current:
            return
        self._arrange()
        run, details = self.query_one(RunTable).selected, self.query_one("#details-panel", Details)
        if details.display:
            details.run = run
            group = group_of(run.record, self._records(self.dashboard.finished)) if run and run.record else None
            details.scaling = self._fit(group).words if group else ()
        if self.view != "run":
            comparison = self.query_one(Comparison)
            compared = self.compared
            comparison.chart = self.view
            comparison.show(compared, tuple((group, self._fit(group)) for group in self._groups(compared)))

    def _arrange(self) -> None:
        width = self.app.size.width
        told = self.view == "run" or width >= ROOMY
        self.query_one("#details-panel").display = told and bool(self.dashboard.finished)
        self.set_class(self.view != "run", "charts")
        comparison = self.query_one(Comparison)
        comparison.display = self.view != "run"
        comparison.single = width < NARROW

    def _views(self) -> list[View]:
        """What `c` goes through, as far as there is something to see."""
        selected = self.query_one(RunTable).selected
        marked = self._marked_runs()
        known = self._records(marked)
        if not marked and selected and selected.record:
            known = self._records(self._scaling_peers(selected.record))
        charts: list[View] = ["throughput", "latency"] if self.app.size.width < NARROW else ["throughput"]
        if groups_in(known):
            charts.append("scaling")
        return ["run", *charts] if self.dashboard.finished else ["run"]

    def _groups(self, runs: Iterable[RunView]) -> tuple[Group, ...]:
        """The systems whose scaling is looked at."""
        return groups_in(self._records(runs)) if self.view == "scaling" else ()

    def _marked_runs(self) -> tuple[RunView, ...]:
        known = {run.spec.run_id: run for run in self.dashboard.finished}
        return tuple(known[name] for name in self.marked if name in known)

    def _peers(self, record: Record) -> tuple[RunView, ...]:
        """The runs with the same to do."""
        key = group_key(record)
        return tuple(run for run in self.dashboard.finished if run.record and group_key(run.record) == key)

    def _scaling_peers(self, record: Record) -> tuple[RunView, ...]:
        """The runs of the same system with other numbers of clients."""
        group = group_of(record, self._records(self.dashboard.finished))
        names = set(group.key) if group else {record.run_id}
        return tuple(run for run in self.dashboard.finished if run.spec.run_id in names)

    @staticmethod
    def _records(runs: Iterable[RunView]) -> tuple[Record, ...]:
        return tuple(run.record for run in runs if run.record)

    def _fit(self, group: Group) -> Fitted:
        """The curve of a group: at once if it was fitted before, else later."""
        if group.key not in self._fitted:
            if self.dashboard.running:
                return FITTED_LATER
            self._fitted[group.key] = FITTING
            self.run_worker(lambda: self._fit_in_thread(group), thread=True)
        return self._fitted[group.key]

    def _fit_in_thread(self, group: Group) -> None:
        fitted = group.fitted()
        self.app.call_from_thread(self._take, group, fitted)

    def _take(self, group: Group, fitted: Fitted) -> None:
        self._fitted[group.key] = fitted
        self._show_below()


def ordered(runs: Sequence[RunView], column: Column | None, reverse: bool) -> tuple[RunView, ...]:
    """Runs by a column: numbers from the highest, words from A; those that have no value at the end."""
    if column is None:
        return tuple(reversed(runs)) if reverse else tuple(runs)
    keyed = [(column.order(run) if column.order else column.cell(run), run) for run in runs]
    having = sorted(((key, run) for key, run in keyed if key is not None), key=lambda pair: pair[0],
                    reverse=column.number != reverse)  # fmt: skip
    return tuple(run for _, run in having) + tuple(run for key, run in keyed if key is None)
