"""The charts of one run: how fast it is, and why."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from membench.results.latency import Latencies
from membench.tui.common.canvas import Canvas
from membench.tui.common.chart import Chart
from membench.tui.common.colours import LOCK, QUIET, hue_of
from membench.tui.common.histogram import Histogram, percentile_line
from membench.tui.common.locks import NO_WAIT, WARM_FROM, LockTable, lock_rows, no_locks_text
from membench.tui.common.panel import panel
from membench.tui.common.plain import Static
from membench.tui.common.snapshot import RunView
from membench.tui.common.timebar import TimeBar, time_parts
from membench.tui.common.words import (
    batching_line,
    brief_no_data_text,
    lock_share_details,
    no_data_text,
    rate_details,
    rate_line,
    state_text,
    verdict_text,
)
from membench.tui.live.cores import Cores
from membench.tui.live.figure import Figure
from membench.tui.live.throughput import AVERAGE_S, span_text, throughput_curve
from membench.tui.live.updates import update_border, update_optional_text, update_text
from membench.units import format_rate, format_share

NO_RUN = "no run yet"
CORES_TITLE = "Use of each core"


class RunCharts(Horizontal):
    """Throughput and latencies on the left; client time, locks and cores on the right."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._charted_s = 0.0
        """Measured seconds that the throughput chart shows."""

    def compose(self) -> ComposeResult:
        """Compose the panels."""
        yield Vertical(
            panel("Throughput", Figure(id="now"), Static(id="rates"), Chart(id="chart"), id="throughput"),
            panel("Latency: operations by duration", Static(id="percentiles"), Histogram(id="histogram"), id="latency"),
            id="left",
        )
        yield Vertical(
            panel(
                "Client time", Figure(id="lock-share"), TimeBar(id="time-bar"), Static(id="batching"), id="time-panel"
            ),
            panel("Locks", LockTable(id="locks"), Static(id="verdict"), id="locks-panel"),
            panel(CORES_TITLE, Cores(id="cores"), id="cores-panel"),
            id="right",
        )

    def on_mount(self) -> None:
        """Say that there is nothing to draw yet."""
        for canvas in self.query(Canvas):
            canvas.empty = NO_RUN

    def show_run(self, run: RunView, earlier: Sequence[RunView], span_s: float | None) -> None:
        """Draw everything known about a run.

        Args:
            run: The run.
            earlier: The runs before it in the plan.
            span_s: The seconds of throughput and cores to show; None for the whole run.
        """
        self.show_throughput(run, earlier, span_s)
        self.show_cores(run, span_s)
        self._show_rate(run)
        self._show_latencies(run)
        self._show_contention(run)
        title = Content.styled(run.figures.title(), hue_of(run.hue))
        update_border(self.query_one("#throughput"), title, state_text(run))
        self.query_one("#now", Figure).beside = rate_details(run)

    def show_current_rate(self, run: RunView, earlier: Sequence[RunView], span_s: float | None) -> None:
        """Draw the rate, and the chart if there is a new point: all else changes slowly and takes longer to draw."""
        self._show_rate(run)
        if run.measured_s - self._charted_s >= AVERAGE_S:
            self.show_throughput(run, earlier, span_s)

    def show_throughput(self, run: RunView, earlier: Sequence[RunView], span_s: float | None) -> None:
        """Draw the throughput over time."""
        chart = self.query_one(Chart)
        chart.curve, chart.empty = throughput_curve(run, earlier, span_s), no_data_text(run)
        self._charted_s = run.measured_s

    def show_cores(self, run: RunView, span_s: float | None) -> None:
        """Draw the cores over the same time as the throughput."""
        curve, cores = self.query_one(Chart).curve, self.query_one(Cores)
        cores.points, cores.empty = run.within(span_s), brief_no_data_text(run)
        cores.period = (curve.from_s, max(curve.from_s + curve.span_s, run.measured_s))
        update_border(self.query_one("#cores-panel"), Content(CORES_TITLE), span_text(span_s))

    def _show_rate(self, run: RunView) -> None:
        figure, progress = self.query_one("#now", Figure), run.progress
        rate = progress.memories_per_s_now if progress and run.state == "running" else run.figures.memories_per_s
        figure.value, figure.colour = format_rate(rate), hue_of(run.hue)
        update_text(self.query_one("#rates", Static), rate_line(run))

    def _show_latencies(self, run: RunView) -> None:
        histogram, percentiles = self.query_one(Histogram), self.query_one("#percentiles", Static)
        histogram.latencies = run.progress.latencies if run.progress else Latencies()
        histogram.colour, histogram.empty = hue_of(run.hue), brief_no_data_text(run)
        update_text(percentiles, percentile_line(run.figures, percentiles.size.width))

    def _show_contention(self, run: RunView) -> None:
        reason = no_locks_text(run) if run.measured_s else brief_no_data_text(run)
        bar, table = self.query_one(TimeBar), self.query_one(LockTable)
        bar.parts, bar.empty = time_parts(run.figures), reason if reason != NO_WAIT else "client time was not measured"
        update_optional_text(self.query_one("#batching", Static), batching_line(run))
        table.locks, table.empty = lock_rows(run.figures), reason
        lock_share = run.figures.time_lock
        figure = self.query_one("#lock-share", Figure)
        figure.value = format_share(lock_share).replace(" ", "")
        figure.colour = LOCK if (lock_share or 0.0) >= WARM_FROM else QUIET
        figure.beside = lock_share_details(run)
        update_optional_text(self.query_one("#verdict", Static), verdict_text(run))
