"""Live: the run under way, or the one that is selected."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Static

from membench.results.record import Record
from membench.tui.common import columns
from membench.tui.common.canvas import Canvas
from membench.tui.common.chart import Chart, Curve, Level
from membench.tui.common.colours import LOCK, QUIET, hue_of
from membench.tui.common.histogram import Histogram, in_words
from membench.tui.common.locks import NOBODY_WAITED, WARM_FROM, LockTable, rows_of, why_empty
from membench.tui.common.place import Place
from membench.tui.common.snapshot import RunView, Snapshot, smoothed
from membench.tui.common.table import Column, RunTable
from membench.tui.common.timebar import TimeBar
from membench.tui.common.words import (
    batching_of,
    beside_lock_share,
    doing,
    figures_of,
    nothing_of,
    progress_of,
    rates_of,
    short_title,
    verdict_of,
    waiting_for,
)
from membench.tui.live.cores import Cores
from membench.tui.live.figure import Figure
from membench.units import format_duration, format_rate, format_share

LEVELS_MAX = 3
SMOOTH_S = 0.5
"""Each rate drawn is the mean of this long: a tick holds too few memories to say a rate."""
SCALES_S = (None, 60.0, 30.0, 10.0)
"""How much of a run the chart and the cores show: all of it, or its last seconds."""
CORES_AFTER_S = 0.05
"""From a change of the time scale to the cores: drawn with the chart, they would make it late."""
PICTURE_LATE_S = 1.5
"""When no whole picture came for so long, the time is told without one."""
BAR_WIDTH = 16
NO_RUN = "no run yet"
NOTHING_YET = "No plan has been run yet: 1 goes to Plan, enter there runs it."


class LiveScreen(Place):
    """Throughput, latencies, time, locks and cores of one run, and all runs of the plan.

    Its state is `var`, not `reactive`: a reactive of a screen draws all of the screen anew, and what is measured beside
    it would feel that.
    """

    NAME = "live"
    HELP = (
        "The charts show the run under way. Select another run with the arrow keys or the mouse to see its charts. "
        "The grey lines are the means of the runs before it; the dashed one is the best this machine reached offline, "
        "where it was measured: membench-tui limit."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "space",
            "freeze",
            "Freeze",
            tooltip="Hold the picture, or let it go on; measuring always goes on",
            id="live.freeze",
        ),
        Binding(
            "s",
            "app.skip_run",
            "Skip",
            tooltip="End this run, keep what it measured, go on with the next",
            id="live.skip",
        ),
        Binding("x", "app.stop_plan", "Stop", tooltip="End this run and with it the plan; asks first", id="live.stop"),
        Binding("l", "log", "Log", tooltip="Show the log of the selected run", id="live.log"),
        Binding(
            "plus,equals_sign",
            "scale(1)",
            "Zoom",
            key_display="+",
            tooltip="Show less of the run, more closely: its last 60, 30 or 10 s",
            id="live.closer",
        ),
        Binding(
            "minus",
            "scale(-1)",
            "Wider",
            show=False,
            key_display="-",
            tooltip="Show more of the run, up to all of it",
            id="live.wider",
        ),
        Binding("e", "app.export", "Export", tooltip="Write the runs that are over to a file", id="live.export"),
        Binding(
            "f",
            "follow",
            "Follow",
            show=False,
            tooltip="Select the run under way again, and keep to it",
            id="live.follow",
        ),
    ]

    snapshot: var[Snapshot | None] = var(None, init=False)
    """What is drawn; stands still while frozen."""
    frozen: var[bool] = var(False, init=False)
    """Whether the picture is held."""
    following: var[bool] = var(True, init=False)
    """Whether the run under way is the one that is selected."""
    scale: var[int] = var(0, init=False)
    """Which of SCALES_S is shown."""

    def __init__(self) -> None:
        super().__init__()
        self._written: dict[str, tuple[Content, str]] = {}
        """What is on the borders of panels."""
        self._edition: tuple[str, int] | None = None
        """The plan and the edition that were drawn last."""
        self._charted_s = 0.0
        """Measured seconds that are in the chart."""
        self._told_at = 0.0
        """When the time was last told, by the clock of the machine."""

    def body(self) -> Iterable[Widget]:
        """How fast and why above, runs below."""
        yield Static(id="quiet", classes="panel")
        shares = TimeBar(id="time-bar"), Static(id="batching")
        yield Horizontal(
            Vertical(
                _panel("Throughput", Figure(id="now"), Static(id="rates"), Chart(id="chart"), id="throughput"),
                _panel(
                    "Latency, operations by duration", Static(id="percentiles"), Histogram(id="histogram"), id="latency"
                ),
                id="left",
            ),
            Vertical(
                _panel("Where client time goes", Figure(id="lock-share"), *shares, id="time-panel"),
                _panel("Locks", LockTable(id="locks"), Static(id="verdict"), id="locks-panel"),
                _panel("Cores, busy", Cores(id="cores"), id="cores-panel"),
                id="right",
            ),
            id="charts",
        )
        table = RunTable(_columns(0.0, wide=True), id="runs")
        table.empty = NOTHING_YET
        yield _panel("Runs", table, Static(id="reason"), id="runs-panel")

    def on_mount(self) -> None:
        """Follow the plan, and the clock."""
        self.query_one(RunTable).focus()
        for canvas in self.query(Canvas):
            canvas.empty = NO_RUN
        self.watch(self.app, "snapshot", self._newer)
        self.set_interval(1.0, self._a_second_later)

    def on_screen_resume(self) -> None:
        """Show the moment, not the one when the place was left."""
        self.show_quiet()
        self._show()

    def on_resize(self) -> None:
        """Fit the words to the new width."""
        self.call_after_refresh(self._show)

    def show_quiet(self) -> None:
        """Show nothing but the elapsed time while a run is measured, if that is wanted; all of it otherwise."""
        quiet = self.dashboard.drawing.quiet and self.dashboard.running
        if self.has_class("hushed") != quiet:
            self.set_class(quiet, "hushed")
            self._show()
        if quiet:
            self._show_progress()

    def chosen_records(self) -> tuple[Record, ...]:
        """The runs of this plan that are over."""
        return self.dashboard.snapshot.records if self.dashboard.snapshot else super().chosen_records()

    def action_freeze(self) -> None:
        """Hold the picture, or let it go on."""
        self.frozen = not self.frozen

    def action_follow(self) -> None:
        """Select the run under way again."""
        self.following = True
        self._show()

    def action_scale(self, by: int) -> None:
        """Show more of the run, or less of it more closely."""
        self.scale = min(max(self.scale + by, 0), len(SCALES_S) - 1)

    def watch_scale(self) -> None:
        """Draw it so: the chart at once, for somebody waits for it."""
        if self.snapshot and self._in_sight:
            self._show_chart(self.snapshot, self.query_one(RunTable).cursor)
            self.set_timer(CORES_AFTER_S, self._show_cores)

    def action_log(self) -> None:
        """Show the log of the selected run."""
        run = self.query_one(RunTable).selected
        self.dashboard.show_log(run)

    def watch_frozen(self) -> None:
        """Say that the picture is held; catch up when it is not any more."""
        self.set_class(self.frozen, "frozen")
        if not self.frozen:
            self._newer(self.dashboard.snapshot)
        self._show_progress()

    def watch_snapshot(self) -> None:
        """Draw it: whole, or only what moves fastest."""
        self.show_quiet()
        if self.snapshot and self._edition == (self.snapshot.plan_id, self.snapshot.edition):
            self._show_rate()
        else:
            self._show()

    @on(RunTable.Selected)
    def _selected(self) -> None:
        snapshot = self.snapshot
        self.following = snapshot is not None and self.query_one(RunTable).cursor == _latest(snapshot)
        self._show()

    def _newer(self, snapshot: Snapshot | None) -> None:
        if self.frozen:
            return
        if snapshot and (self.snapshot is None or snapshot.plan_id != self.snapshot.plan_id):
            self.following = True
        self.snapshot = snapshot

    def _show(self) -> None:
        if self.snapshot is None or not self._in_sight:
            return
        self._edition = self.snapshot.plan_id, self.snapshot.edition
        table = self.query_one(RunTable)
        highest = max((run.memories_per_s or 0.0 for run in self.snapshot.runs), default=0.0)
        table.columns = _columns(highest, wide=self.size.width >= 100)
        table.rows = self.snapshot.runs
        if self.following:
            table.cursor = _latest(self.snapshot)
        self._show_run(self.snapshot, table.cursor)
        self._show_progress()

    @property
    def _in_sight(self) -> bool:
        return self.is_current and not self.has_class("hushed")

    def _show_rate(self) -> None:
        """Draw how fast the selected run is: all else takes more time to draw, and less to grow old.

        The chart has means of half a second: drawn more often, it would show nothing new.
        """
        if self.snapshot is None or not self._in_sight:
            return
        at = self.query_one(RunTable).cursor
        self._show_figure(self.snapshot.runs[at])
        if measured_s(self.snapshot.runs[at]) - self._charted_s >= SMOOTH_S:
            self._show_chart(self.snapshot, at)

    def _show_figure(self, run: RunView) -> None:
        figure = self.query_one("#now", Figure)
        figure.value = format_rate(run.course.now if run.state == "running" else run.memories_per_s)
        figure.colour = hue_of(run.hue)
        self._say("rates", rates_of(run))

    def _show_chart(self, snapshot: Snapshot, index: int) -> None:
        run, line = snapshot.runs[index], self.query_one(Chart)
        line.curve, line.empty = curve_of(run, snapshot.runs[:index], SCALES_S[self.scale]), waiting_for(run)
        self._charted_s = measured_s(run)

    def _show_cores(self) -> None:
        """Draw the cores over the same time as the chart."""
        if self.snapshot is None or not self._in_sight:
            return
        run = self.snapshot.runs[self.query_one(RunTable).cursor]
        curve, cores = self.query_one(Chart).curve, self.query_one(Cores)
        cores.points, cores.empty = run.course.within(SCALES_S[self.scale]), nothing_of(run)
        cores.period = (curve.from_s, max(curve.from_s + curve.span_s, measured_s(run)))
        self._title("cores-panel", Content("Cores, busy"), scale_in_words(SCALES_S[self.scale]))

    def _show_run(self, snapshot: Snapshot, index: int) -> None:
        run, histogram = snapshot.runs[index], self.query_one(Histogram)
        self._show_chart(snapshot, index)
        self._show_cores()
        histogram.empty = nothing_of(run)
        histogram.latencies, histogram.colour = run.course.latencies, hue_of(run.hue)
        self._say("percentiles", in_words(run.course.latencies, self.query_one("#percentiles").size.width))
        self._show_figures(run)
        self._show_contention(run)

    def _show_figures(self, run: RunView) -> None:
        self._title("throughput", Content.styled(run.spec.title(), hue_of(run.hue)), doing(run))
        self._show_figure(run)
        self.query_one("#now", Figure).beside = figures_of(run)
        reason = run.record.error if run.record and run.record.error else ""
        self._say_if("reason", Content.styled(f"✗ {reason}", "$error") if reason else Content(""))

    def _show_contention(self, run: RunView) -> None:
        why = why_empty(run) if run.course.points else nothing_of(run)
        bar, table = self.query_one(TimeBar), self.query_one(LockTable)
        bar.shares, bar.empty = run.shares, why if why != NOBODY_WAITED else "where it went cannot be told here"
        self._say_if("batching", batching_of(run))
        table.locks, table.empty = rows_of(run), why
        warm = (run.shares.lock or 0.0) >= WARM_FROM
        figure = self.query_one("#lock-share", Figure)
        figure.value, figure.colour = format_share(run.shares.lock).replace(" ", ""), LOCK if warm else QUIET
        figure.beside = beside_lock_share(run)
        self._say_if("verdict", verdict_of(run))

    def _say(self, name: str, words: Content) -> None:
        """Put words in their place, and draw it only when they are others than before."""
        place = self.query_one(f"#{name}", Static)
        if place.content != words:
            place.update(words, layout=False)

    def _say_if(self, name: str, words: Content) -> None:
        """The same for words that take as many lines as they need, and none while there are none."""
        place = self.query_one(f"#{name}", Static)
        if place.content != words:
            place.update(words, layout=False)
            if place.get_content_height(self.size, self.app.size, place.size.width) != place.size.height:
                place.refresh(layout=True)
        place.display = bool(words)

    def _title(self, name: str, title: Content, subtitle: str) -> None:
        """Write on the border of a panel, and draw it only when that is other than before."""
        if self._written.get(name) != (title, subtitle):
            self._written[name] = (title, subtitle)
            panel = self.query_one(f"#{name}")
            panel.border_title, panel.border_subtitle = title.markup, subtitle

    def _a_second_later(self) -> None:
        """Let the time go on where no picture does so."""
        if time.monotonic() - self._told_at > PICTURE_LATE_S:
            self._show_progress()

    def _show_progress(self) -> None:
        if self.snapshot is None or not self.is_current:
            return
        self._told_at = time.monotonic()
        progress, times = progress_of(self.snapshot), self._times()
        if self.has_class("hushed"):
            words = f"{progress}\n\n{times}\n\nNothing else is drawn until it is over; f3 draws again."
            self._say("quiet", Content(words))
        else:
            subtitle = "frozen, measuring goes on: space" if self.frozen else times
            self._title("runs-panel", Content(progress), subtitle)

    def _times(self) -> str:
        elapsed = f"{format_duration(max(self.dashboard.elapsed_s, 1.0))} elapsed"
        left_s = self.dashboard.time_left_s
        left = f"about {format_duration(max(left_s, 1.0))} left" if left_s is not None else ""
        follow = "" if self.following or left_s is None else "f follows the run under way"
        return " · ".join(filter(None, (follow, elapsed, left)))


def _panel(title: str, *children: Widget, id: str | None = None) -> Vertical:
    panel = Vertical(*children, id=id, classes="panel")
    panel.border_title = title
    return panel


def _columns(highest: float, *, wide: bool) -> tuple[Column, ...]:
    bars = (columns.bar(highest, BAR_WIDTH),) if wide else ()
    return (
        *(columns.MARK, columns.SCENARIO, columns.BACKEND, columns.STRATEGY, columns.STORE, columns.CLIENTS),
        *(columns.RATE, *bars, columns.P50, columns.P99, columns.LOCK_SHARE, columns.LOST, columns.OUTCOME),
    )


def _latest(snapshot: Snapshot) -> int:
    """The run to look at: the one under way, or the last that there is anything of."""
    if snapshot.current is not None:
        return snapshot.current
    return max((index for index, run in enumerate(snapshot.runs) if run.state != "waiting"), default=0)


def measured_s(run: RunView) -> float:
    """Seconds of a run that there is something to draw of."""
    return run.course.points[-1].end_s if run.course.points else 0.0


def scale_in_words(span_s: float | None) -> str:
    """How much of a run is shown; nothing for all of it."""
    return f"last {span_s:g} s" if span_s else ""


def curve_of(run: RunView, before: tuple[RunView, ...], span_s: float | None) -> Curve:
    """A run's throughput, the limit, and the means of the runs of the same scenario that came before it."""
    peers = [other for other in before if other.memories_per_s and other.spec.scenario == run.spec.scenario]
    workload, points = run.spec.workload, run.course.within(span_s)
    limit = run.limit_memories_per_s
    return Curve(
        points=smoothed(points, SMOOTH_S),
        colour=hue_of(run.hue),
        from_s=max(points[-1].end_s - span_s, 0.0) if span_s and points else 0.0,
        span_s=span_s or (workload.duration_s or 0.0) * workload.repeats or 1.0,
        limit=Level(limit, f"limit {format_rate(limit)}") if limit else None,
        levels=tuple(Level(other.memories_per_s or 0.0, short_title(other)) for other in reversed(peers[-LEVELS_MAX:])),
        caption=scale_in_words(span_s),
    )
