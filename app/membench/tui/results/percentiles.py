"""Latency by percentile, one curve per run, on an axis of nines as in HdrHistogram's plots."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.segment import Segment
from textual.reactive import reactive

from membench.messages.run import is_stated
from membench.results.latency import decode_latencies
from membench.results.record import Record
from membench.tui.common.canvas import Canvas, Line
from membench.tui.common.colours import hue_of
from membench.tui.common.plot import Plot, Points, Series, with_legend
from membench.units import format_latency

AXIS_LABELS = {-math.log10(1 - percentile / 100): f"p{percentile:g}" for percentile in (50, 90, 99, 99.9, 99.99)}
"""The labels of the axis by their nines; each curve has the marker of its run there."""
FIRST_PERCENTILE = 10.0
"""Curves start here: the fastest operations say little."""
MAXIMUM_MARKER = "×"
FACTORS = (1, 2, 5)
"""Multiples of powers of ten that the latency axis labels."""


class Curve(Series, frozen=True):
    """The latencies of a run."""

    points: tuple[tuple[float, float], ...]
    """Nines and milliseconds: 1 is the 90th percentile, 2 the 99th. Empty with too few operations for a percentile."""
    maximum: tuple[float, float]
    """The longest of n operations, at the percentile with one operation in n beyond it."""


def curve_of(record: Record, name: str, marker: str, hue: int) -> Curve | None:
    """Return the curve of a run, up to the last percentile that can be stated; None without operations."""
    if record.latency_hdr is None:
        return None
    latencies = decode_latencies(record.latency_hdr)
    if latencies.max_ms is None:
        return None
    rows = (row for row in latencies.rows() if row.percentile >= FIRST_PERCENTILE)
    known = (row for row in rows if is_stated(row.percentile, latencies.total))
    points = tuple((-math.log10(1 - row.percentile / 100), row.value_ms) for row in known)
    return Curve(name, marker, hue, points, (math.log10(latencies.total), latencies.max_ms))


class Percentiles(Canvas):
    """Curves in one chart, with a legend."""

    curves: reactive[tuple[Curve, ...]] = reactive(())
    """One per run."""

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return the legend, and the chart below it."""
        return with_legend(self.curves, self.empty, width, height, draw)


def draw(curves: Sequence[Curve], width: int, height: int) -> list[list[Segment]]:
    """Return the chart; its axes name their units."""
    plot = Plot(width, height)
    drawn = [point for curve in curves for point in (*curve.points, curve.maximum)]
    furthest = max(1.0, *(nines for nines, _ in drawn))
    values = [math.log10(value) for _, value in drawn]
    bottom, top = _padded(min(values), max(values))
    plot.axis("x", (0.0, furthest * 1.02), {at: name for at, name in AXIS_LABELS.items() if at <= furthest})
    plot.axis("y", (bottom, top), _latency_ticks(bottom, top, max(height // 3, 2)))
    for curve in curves:
        logs = [(nines, math.log10(value)) for nines, value in curve.points]
        if len(logs) > 1:
            plot.line(logs, hue_of(curve.hue))
    for curve in curves:
        plot.markers(_marker_points(curve.points), curve.marker, hue_of(curve.hue))
        nines, value = curve.maximum
        plot.markers([(nines, math.log10(value))], MAXIMUM_MARKER, hue_of(curve.hue))
    return plot.rows()


def _marker_points(points: Points) -> list[tuple[float, float]]:
    """Return where a curve has its marker, in the coordinates of the chart: at the labels that it reaches."""
    marked = []
    for at in AXIS_LABELS:
        beyond = [value for nines, value in points if nines >= at - 1e-9]
        if beyond:
            marked.append((at, math.log10(beyond[0])))
    return marked


def _padded(low: float, high: float) -> tuple[float, float]:
    """Return limits with a margin around the values, even if they are all the same."""
    margin = max((high - low) * 0.05, 0.05)
    return low - margin, high + margin


def _latency_ticks(low: float, high: float, most: int) -> dict[float, str]:
    """Return round latencies between two powers of ten, as many as fit."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    for factors in (FACTORS, (1, 3), (1,)):
        ticks = [factor * 10.0**decade for decade in decades for factor in factors]
        shown = {math.log10(tick): format_latency(tick) for tick in ticks if low <= math.log10(tick) <= high}
        if len(shown) <= most:
            break
    return shown
