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

from app.tui.colours import hue_of
from app.tui.screens.place import Place
from app.tui.snapshot import RunView, Snapshot, smoothed
from app.tui.widgets import chart, columns
from app.tui.widgets.chart import Chart, Curve, Level
from app.tui.widgets.cores import Cores
from app.tui.widgets.histogram import Histogram, in_words
from app.tui.widgets.table import Column, RunTable
from app.units import format_count, format_duration, format_rate

LEVELS_MAX = 3
SMOOTH_S = 0.5
"""Each rate drawn is the mean of this long: a tick holds too few memories to say a rate."""
BAR_WIDTH = 16
NOTHING_YET = "No plan has been run yet: 1 goes to Plan, enter there runs it."


class LiveScreen(Place):
    """Throughput, latencies and cores of one run, and all runs of the plan.

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

    def body(self) -> Iterable[Widget]:
        """Charts above, runs below."""
        yield Horizontal(
            Vertical(
                _panel("Throughput, memories a second", Static(id="rates"), Chart(id="chart"), id="throughput"),
                _panel(
                    "Latency, operations by duration", Static(id="percentiles"), Histogram(id="histogram"), id="latency"
                ),
                id="left",
            ),
            Vertical(
                _panel("Run", Static(id="title"), Digits(id="now"), Static(id="figures"), id="run"),
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
        self._say("percentiles", in_words(run.course.latencies))
        self._show_figures(run)

    def _show_figures(self, run: RunView) -> None:
        now = self.query_one("#now", Digits)
        now.update(format_rate(run.course.now if run.state == "running" else run.ops_per_s))
        now.styles.color = hue_of(run.hue)
        self._say("title", title_of(run))
        self._say("figures", figures_of(run))
        self._say("rates", rates_of(run))
        reason = run.record.error if run.record and run.record.error else ""
        shown = self.query_one("#reason", Static)
        if reason or shown.display:
            shown.update(Content.styled(f"✗ {reason}", "$error"))
        shown.display = bool(reason)

    def _say(self, name: str, words: Content) -> None:
        """Put words in their place, and draw it only when they are others than before."""
        place = self.query_one(f"#{name}", Static)
        if place.content != words:
            place.update(words, layout=False)

    def _show_progress(self) -> None:
        if self.snapshot is None:
            return
        panel = self.query_one("#runs-panel")
        panel.border_title = progress_of(self.snapshot)
        panel.border_subtitle = "frozen, measuring goes on: space" if self.frozen else self._elapsed()

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
        *(columns.RATE, *bars, columns.P50, columns.P99, columns.LOST, columns.STATUS),
    )


def _latest(snapshot: Snapshot) -> int:
    """The run to look at: the one under way, or the last that there is anything of."""
    if snapshot.current is not None:
        return snapshot.current
    return max((index for index, run in enumerate(snapshot.runs) if run.state != "waiting"), default=0)


def waiting_for(run: RunView) -> str:
    """Why a run has nothing to draw yet."""
    if run.state == "waiting":
        return "waiting for its turn"
    if run.state != "running":
        return "nothing was measured"
    return "waiting for the first tick" if run.stage == "measuring" else f"{run.stage} …"


def curve_of(run: RunView, before: tuple[RunView, ...]) -> Curve:
    """A run's throughput, and the means of the runs of the same scenario that came before it."""
    peers = [other for other in before if other.ops_per_s and other.spec.scenario == run.spec.scenario]
    workload = run.spec.workload
    return Curve(
        points=smoothed(run.course.points, SMOOTH_S),
        colour=hue_of(run.hue),
        span_s=(workload.duration_s or 0.0) * workload.repeats or 1.0,
        levels=tuple(Level(other.ops_per_s or 0.0, _short_title(other)) for other in reversed(peers[-LEVELS_MAX:])),
    )


def _short_title(run: RunView) -> str:
    parts = (run.spec.backend, run.spec.strategy, str(run.spec.workload.clients))
    return " · ".join(part for part in parts if part)


def title_of(run: RunView) -> Content:
    """Which run this is, and what it is doing."""
    return Content.assemble((run.spec.title(), f"bold {hue_of(run.hue)}"), (f"\n{_doing(run)}", "$foreground 60%"))


def _doing(run: RunView) -> str:
    if run.state == "running":
        return run.stage
    return f"{columns.mark(run)} {run.state}".strip()


def figures_of(run: RunView) -> Content:
    """What stands below the large figure."""
    course, workload = run.course, run.spec.workload
    options = " ".join(
        f"{name}={'auto' if value is None else value}" for name, value in run.spec.strategy_options.items()
    )
    facts = (
        ("mean", f"{format_rate(run.ops_per_s)} memories/s"),
        ("done", f"{format_count(course.acknowledged)}" + (f" of {workload.items:,}" if workload.items else "")),
        ("errors", format_count(course.errors)),
        ("weights", course.weights or "–"),
        ("options", options or "–"),
    )
    label = "memories/s now" if run.state == "running" else "memories/s"
    lines = [Content.styled(label, "$foreground 60%"), Content("")]
    for name, value in facts:
        style = "bold $error" if name == "errors" and course.errors else ""
        lines.append(Content.assemble((f"{name:<9}", "$foreground 60%"), (value, style)))
    return Content("\n").join(lines)


def rates_of(run: RunView) -> Content:
    """The rates in a line, for where there is no room for large figures."""
    now = format_rate(run.course.now) if run.state == "running" else "–"
    return Content.assemble(
        *((run.spec.backend, f"bold {hue_of(run.hue)}"), ("  ", ""), (_short_title(run).partition(" · ")[2], "")),
        *(("   now ", "$foreground 60%"), (f"{now} /s", "bold"), ("   mean ", "$foreground 60%")),
        *((f"{format_rate(run.ops_per_s)} /s", "bold"), (f"   {_doing(run)}", "$foreground 60%")),
    )


def progress_of(snapshot: Snapshot) -> str:
    """`Run 7 of 18, 11 more to come`, or how many there were."""
    done, total = len(snapshot.records), len(snapshot.runs)
    if snapshot.over:
        return f"All {total} runs done" if done == total else f"{done} of {total} runs done"
    left = total - done - 1
    return f"Run {min(done + 1, total)} of {total}" + (f", {left} more to come" if left > 0 else "")
