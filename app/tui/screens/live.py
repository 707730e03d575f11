"""Live: the run under way, or the one that is selected."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Digits, Static

from app.tui.colours import LOCK, QUIET, hue_of
from app.tui.screens.place import Place
from app.tui.snapshot import RunView, Snapshot, smoothed
from app.tui.widgets import chart, columns
from app.tui.widgets.chart import Chart, Curve, Level
from app.tui.widgets.cores import Cores
from app.tui.widgets.histogram import Histogram, in_words
from app.tui.widgets.locks import NOBODY_WAITED, WARM_FROM, LockTable, rows_of, why_empty
from app.tui.widgets.table import Column, RunTable
from app.tui.widgets.timebar import TimeBar
from app.tui.words import (
    beside_lock_share,
    doing,
    figures_of,
    percent,
    progress_of,
    rates_of,
    short_title,
    verdict_of,
    waiting_for,
)
from app.units import format_duration, format_rate

LEVELS_MAX = 3
SMOOTH_S = 0.5
"""Each rate drawn is the mean of this long: a tick holds too few memories to say a rate."""
BAR_WIDTH = 16
NOTHING_YET = "No plan has been run yet: 1 goes to Plan, enter there runs it."


class LiveScreen(Place):
    """Throughput, latencies, time, locks and cores of one run, and all runs of the plan.

    Its state is `var`, not `reactive`: a reactive of a screen draws all of the screen anew, and what is measured beside
    it would feel that.
    """

    NAME = "live"
    HELP = (
        "The charts show the run under way. Select another run with the arrow keys to see its charts; end goes to "
        "the last. Freezing holds the picture while measuring goes on."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "freeze", "Freeze", tooltip="Hold the picture, or let it go on; measuring always goes on"),
        Binding("s", "app.skip_run", "Skip", tooltip="End this run, keep what it measured, go on with the next"),
        Binding("x", "app.stop_plan", "Stop", tooltip="End this run and with it the plan; asks first"),
        Binding("l", "log", "Log", tooltip="Show the log of the selected run"),
        Binding("e", "app.export", "Export", tooltip="Write the runs that are over to a CSV file"),
        Binding("f", "follow", "Follow", show=False, tooltip="Select the run under way again, and keep to it"),
    ]

    snapshot: var[Snapshot | None] = var(None, init=False)
    """What is drawn; stands still while frozen."""
    frozen: var[bool] = var(False, init=False)
    """Whether the picture is held."""
    following: var[bool] = var(True, init=False)
    """Whether the run under way is the one that is selected."""

    def __init__(self) -> None:
        super().__init__()
        self._written: dict[str, tuple[Content, str]] = {}
        """What is on the borders of panels."""

    def body(self) -> Iterable[Widget]:
        """How fast and why above, runs below."""
        headline = Horizontal(Digits(id="now"), Static(id="figures"), classes="headline")
        lock_headline = Horizontal(Digits(id="lock-share"), Static(id="beside-lock"), classes="headline")
        yield Horizontal(
            Vertical(
                _panel("Throughput", headline, Static(id="rates"), Chart(id="chart"), id="throughput"),
                _panel(
                    "Latency, operations by duration", Static(id="percentiles"), Histogram(id="histogram"), id="latency"
                ),
                id="left",
            ),
            Vertical(
                _panel("Where client time goes", lock_headline, TimeBar(id="time-bar"), id="time-panel"),
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
        self.call_after_refresh(chart.load)
        self.watch(self.app, "snapshot", self._newer)
        self.set_interval(1.0, self._show_progress)

    def on_screen_resume(self) -> None:
        """Show the moment, not the one when the place was left."""
        self._show()

    def on_resize(self) -> None:
        """Fit the words to the new width."""
        self.call_after_refresh(self._show)

    def action_freeze(self) -> None:
        """Hold the picture, or let it go on."""
        self.frozen = not self.frozen

    def action_follow(self) -> None:
        """Select the run under way again."""
        self.following = True
        self._show()

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
        """Draw it."""
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
        if self.snapshot is None or not self.is_current:
            return
        table = self.query_one(RunTable)
        highest = max((run.ops_per_s or 0.0 for run in self.snapshot.runs), default=0.0)
        table.columns = _columns(highest, wide=self.size.width >= 100)
        table.rows = self.snapshot.runs
        if self.following:
            table.cursor = _latest(self.snapshot)
        self._show_run(self.snapshot, table.cursor)
        self._show_progress()

    def _show_run(self, snapshot: Snapshot, index: int) -> None:
        run = snapshot.runs[index]
        empty = waiting_for(run)
        self.query_one(Chart).curve = curve_of(run, snapshot.runs[:index])
        histogram, cores = self.query_one(Histogram), self.query_one(Cores)
        histogram.latencies, histogram.colour = run.course.latencies, hue_of(run.hue)
        cores.points = run.course.points
        for widget in (self.query_one(Chart), histogram, cores):
            widget.empty = empty
        self._say("percentiles", in_words(run.course.latencies, self.query_one("#percentiles").size.width))
        self._show_figures(run)
        self._show_contention(run)

    def _show_figures(self, run: RunView) -> None:
        self._put("now", format_rate(run.course.now if run.state == "running" else run.ops_per_s), hue_of(run.hue))
        self._title("throughput", Content.styled(run.spec.title(), hue_of(run.hue)), doing(run))
        self._say("figures", figures_of(run))
        self._say("rates", rates_of(run))
        reason = run.record.error if run.record and run.record.error else ""
        self._say_if("reason", Content.styled(f"✗ {reason}", "$error") if reason else Content(""))

    def _show_contention(self, run: RunView) -> None:
        why = why_empty(run) if run.course.points else waiting_for(run)
        bar, table = self.query_one(TimeBar), self.query_one(LockTable)
        bar.shares, bar.empty = run.shares, why if why != NOBODY_WAITED else "where it went cannot be told here"
        table.locks, table.empty = rows_of(run), why
        warm = (run.shares.lock or 0.0) >= WARM_FROM
        self._put("lock-share", percent(run.shares.lock).replace(" ", ""), LOCK if warm else QUIET)
        self._say("beside-lock", beside_lock_share(run))
        self._say_if("verdict", verdict_of(run.record))

    def _put(self, name: str, figure: str, colour: str) -> None:
        """Show a large figure, and draw it only when it is another than before."""
        place = self.query_one(f"#{name}", Digits)
        if place.value != figure:
            place.update(figure)
        if place.styles.color.hex.lower() != colour:
            place.styles.color = colour

    def _say(self, name: str, words: Content) -> None:
        """Put words in their place, and draw it only when they are others than before."""
        place = self.query_one(f"#{name}", Static)
        if place.content != words:
            place.update(words, layout=False)

    def _say_if(self, name: str, words: Content) -> None:
        """The same for words that take no room while there are none."""
        place = self.query_one(f"#{name}", Static)
        if place.content != words:
            place.update(words)
        place.display = bool(words)

    def _title(self, name: str, title: Content, subtitle: str) -> None:
        """Write on the border of a panel, and draw it only when that is other than before."""
        if self._written.get(name) != (title, subtitle):
            self._written[name] = (title, subtitle)
            panel = self.query_one(f"#{name}")
            panel.border_title, panel.border_subtitle = title.markup, subtitle

    def _show_progress(self) -> None:
        if self.snapshot is not None:
            subtitle = "frozen, measuring goes on: space" if self.frozen else self._elapsed()
            self._title("runs-panel", Content(progress_of(self.snapshot)), subtitle)

    def _elapsed(self) -> str:
        return f"{format_duration(max(self.dashboard.elapsed_s, 1.0))} elapsed"


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


def curve_of(run: RunView, before: tuple[RunView, ...]) -> Curve:
    """A run's throughput, and the means of the runs of the same scenario that came before it."""
    peers = [other for other in before if other.ops_per_s and other.spec.scenario == run.spec.scenario]
    workload = run.spec.workload
    return Curve(
        points=smoothed(run.course.points, SMOOTH_S),
        colour=hue_of(run.hue),
        span_s=(workload.duration_s or 0.0) * workload.repeats or 1.0,
        levels=tuple(Level(other.ops_per_s or 0.0, short_title(other)) for other in reversed(peers[-LEVELS_MAX:])),
    )
