"""Live: the run in progress, or the selected one."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import var
from textual.widget import Widget

from membench.results.record import Record
from membench.tui.common import columns
from membench.tui.common.panel import panel
from membench.tui.common.place import Place
from membench.tui.common.plain import Static
from membench.tui.common.snapshot import Snapshot
from membench.tui.common.table import Column, RunTable
from membench.tui.common.words import progress_text
from membench.tui.live.charts import RunCharts
from membench.tui.live.updates import update_border, update_optional_text, update_text
from membench.units import format_duration

SPANS_S = (None, 60.0, 30.0, 10.0)
"""How much of a run the throughput and the cores show: the whole run, or its last seconds."""
CORES_DELAY_S = 0.05
"""From a change of the span to the redraw of the cores, so that they do not delay the throughput chart."""
CLOCK_TIMEOUT_S = 1.5
"""Without a full redraw for this long, the elapsed time is updated on its own."""
BAR_WIDTH = 16
BARS_FROM = 100
"""Columns from which on the table has room for bars."""
NO_PLAN = "No plan has been run yet. Press 1 for Plan, then enter to run it."
QUIET_NOTE = "Quiet mode: nothing else is drawn until the plan ends. f3 leaves it."


class LiveScreen(Place):
    """The charts of one run, and the table of all runs of the plan.

    Its state is `var`, not `reactive`: a reactive attribute of a screen repaints the whole screen, which takes
    processor time from the run that is being measured.
    """

    NAME = "live"
    HELP = (
        "Charts of the run in progress. Select another run with the arrow keys or the mouse to see its charts. "
        "Grey lines are the mean rates of earlier runs of the same scenario. The dashed line is the best "
        "offline rate found for this machine, if membench-tui limit has measured it."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "space",
            "freeze",
            "Freeze",
            tooltip="Freeze the charts, or continue to update them; measuring always continues",
            id="live.freeze",
        ),
        Binding(
            "s",
            "app.skip_run",
            "Skip",
            tooltip="End this run, keep what it measured, and continue with the next",
            id="live.skip",
        ),
        Binding("x", "app.stop_plan", "Stop", tooltip="End this run and the plan; asks first", id="live.stop"),
        Binding("l", "log", "Log", tooltip="Show the log of the selected run", id="live.log"),
        Binding(
            "plus,equals_sign",
            "change_span(1)",
            "Zoom",
            key_display="+",
            tooltip="Zoom in to the last 60, 30 or 10 s of the run",
            id="live.closer",
        ),
        Binding(
            "minus",
            "change_span(-1)",
            "Zoom out",
            show=False,
            key_display="-",
            tooltip="Zoom out, up to the whole run",
            id="live.wider",
        ),
        Binding("e", "app.export", "Export", tooltip="Write the finished runs to a file", id="live.export"),
        Binding(
            "f",
            "follow",
            "Follow",
            show=False,
            tooltip="Select the run in progress, and each run after it",
            id="live.follow",
        ),
    ]

    snapshot: var[Snapshot | None] = var(None, init=False)
    """The snapshot displayed; not updated while frozen."""
    frozen: var[bool] = var(False, init=False)
    """Whether the charts are frozen."""
    following: var[bool] = var(True, init=False)
    """Whether the selection follows the run in progress."""
    span: var[int] = var(0, init=False)
    """The index in `SPANS_S` of what is displayed."""

    def __init__(self) -> None:
        super().__init__()
        self._drawn_revision: tuple[str, int] | None = None
        """The plan and the revision of the last full redraw."""
        self._clock_updated_at = 0.0

    def body(self) -> Iterable[Widget]:
        """Return the charts, the table of runs, and the text that replaces both in quiet mode."""
        yield Static(id="quiet", classes="panel")
        yield RunCharts(id="charts")
        table = RunTable(_columns(0.0, bars=True), id="runs")
        table.empty = NO_PLAN
        yield panel("Runs", table, Static(id="reason"), id="runs-panel")

    def on_mount(self) -> None:
        """Start to follow the plan and the clock."""
        self.query_one(RunTable).focus()
        self.watch(self.app, "snapshot", self._take_snapshot)
        self.set_interval(1.0, self._update_clock)

    def on_screen_resume(self) -> None:
        """Catch up with what changed while another place was displayed."""
        self.show_quiet()
        self._draw()

    def on_resize(self) -> None:
        """Fit the texts to the new width."""
        self.call_after_refresh(self._draw)

    def show_quiet(self) -> None:
        """Hide everything but the elapsed time during a run in quiet mode."""
        is_quiet = self.dashboard.drawing.quiet and self.dashboard.running
        if self.has_class("quiet-mode") != is_quiet:
            self.set_class(is_quiet, "quiet-mode")
            self._draw()
        if is_quiet:
            self._draw_progress()

    def chosen_records(self) -> tuple[Record, ...]:
        """Return the records of the plan's finished runs."""
        return self.dashboard.snapshot.records if self.dashboard.snapshot else super().chosen_records()

    def action_freeze(self) -> None:
        """Freeze or resume the charts."""
        self.frozen = not self.frozen

    def action_follow(self) -> None:
        """Select the run in progress."""
        self.following = True
        self._draw()

    def action_change_span(self, steps: int) -> None:
        """Zoom in or out."""
        self.span = min(max(self.span + steps, 0), len(SPANS_S) - 1)

    def action_log(self) -> None:
        """Show the log of the selected run."""
        self.dashboard.show_log(self.query_one(RunTable).selected)

    def watch_span(self) -> None:
        """Redraw the throughput at once, and the cores a moment later."""
        if self.snapshot and self._is_drawn:
            at = self.query_one(RunTable).cursor
            self.query_one(RunCharts).show_throughput(
                self.snapshot.runs[at], self.snapshot.runs[:at], SPANS_S[self.span]
            )
            self.set_timer(CORES_DELAY_S, self._draw_cores)

    def watch_frozen(self) -> None:
        """Mark the charts as frozen, or catch up."""
        self.set_class(self.frozen, "frozen")
        if not self.frozen:
            self._take_snapshot(self.dashboard.snapshot)
        self._draw_progress()

    def watch_snapshot(self) -> None:
        """Redraw everything, or only the current rate."""
        self.show_quiet()
        if self.snapshot and self._drawn_revision == (self.snapshot.plan_id, self.snapshot.revision):
            self._draw_current_rate()
        else:
            self._draw()

    @on(RunTable.Selected)
    def _select(self) -> None:
        snapshot = self.snapshot
        self.following = snapshot is not None and self.query_one(RunTable).cursor == _latest(snapshot)
        self._draw()

    def _take_snapshot(self, snapshot: Snapshot | None) -> None:
        if self.frozen:
            return
        if snapshot and (self.snapshot is None or snapshot.plan_id != self.snapshot.plan_id):
            self.following = True
        self.snapshot = snapshot

    @property
    def _is_drawn(self) -> bool:
        return self.is_current and not self.has_class("quiet-mode")

    def _draw(self) -> None:
        """Redraw everything."""
        if self.snapshot is None or not self._is_drawn:
            return
        self._drawn_revision = self.snapshot.plan_id, self.snapshot.revision
        table, runs = self.query_one(RunTable), self.snapshot.runs
        highest = max((run.figures.memories_per_s or 0.0 for run in runs), default=0.0)
        table.columns = _columns(highest, bars=self.size.width >= BARS_FROM)
        table.rows = runs
        if self.following:
            table.cursor = _latest(self.snapshot)
        run = runs[table.cursor]
        self.query_one(RunCharts).show_run(run, runs[: table.cursor], SPANS_S[self.span])
        reason = Content.styled(f"✗ {run.error}", "$error") if run.error else Content("")
        update_optional_text(self.query_one("#reason", Static), reason)
        self._draw_progress()

    def _draw_current_rate(self) -> None:
        if self.snapshot is None or not self._is_drawn:
            return
        at = self.query_one(RunTable).cursor
        self.query_one(RunCharts).show_current_rate(self.snapshot.runs[at], self.snapshot.runs[:at], SPANS_S[self.span])

    def _draw_cores(self) -> None:
        if self.snapshot and self._is_drawn:
            run = self.snapshot.runs[self.query_one(RunTable).cursor]
            self.query_one(RunCharts).show_cores(run, SPANS_S[self.span])

    def _update_clock(self) -> None:
        """Update the elapsed time if no redraw has done so."""
        if time.monotonic() - self._clock_updated_at > CLOCK_TIMEOUT_S:
            self._draw_progress()

    def _draw_progress(self) -> None:
        if self.snapshot is None or not self.is_current:
            return
        self._clock_updated_at = time.monotonic()
        progress, times = progress_text(self.snapshot), self._times()
        if self.has_class("quiet-mode"):
            update_text(self.query_one("#quiet", Static), Content(f"{progress}\n\n{times}\n\n{QUIET_NOTE}"))
        else:
            subtitle = "frozen; measuring continues; space resumes" if self.frozen else times
            update_border(self.query_one("#runs-panel"), Content(progress), subtitle)

    def _times(self) -> str:
        """Return the elapsed time and, during a plan, about how much is left."""
        elapsed = f"{format_duration(max(self.dashboard.elapsed_s, 1.0))} elapsed"
        left_s = self.dashboard.time_left_s
        left = f"about {format_duration(max(left_s, 1.0))} left" if left_s is not None else ""
        follow = "" if self.following or left_s is None else "f follows the run in progress"
        return " · ".join(filter(None, (follow, elapsed, left)))


def _columns(highest: float, *, bars: bool) -> tuple[Column, ...]:
    """Return the columns; `highest` is the rate of the longest bar."""
    bar = (columns.bar(highest, BAR_WIDTH),) if bars else ()
    return (
        *(columns.MARK, columns.SCENARIO, columns.BACKEND, columns.STRATEGY, columns.STORE, columns.CLIENTS),
        *(
            columns.RATE,
            *bar,
            columns.P50,
            columns.P99,
            columns.LONGEST,
            columns.LOCK_SHARE,
            columns.LOST,
            columns.OUTCOME,
        ),
    )


def _latest(snapshot: Snapshot) -> int:
    """Return the index of the run in progress, or of the last run that has started."""
    if snapshot.current is not None:
        return snapshot.current
    return max((index for index, run in enumerate(snapshot.runs) if run.state != "waiting"), default=0)
