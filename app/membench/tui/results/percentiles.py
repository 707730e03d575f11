"""Latency by percentile, a curve a run: the percentiles on an axis of nines, as HdrHistogram plots are drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.segment import Segment
from textual.reactive import reactive

from membench.results.latency import percentiles_in
from membench.results.record import Record
from membench.tui.common.canvas import Canvas, Line
from membench.tui.common.colours import hue_of
from membench.tui.common.plot import Plot, Points, Series, below_legend
from membench.units import format_latency

MARKS = {-math.log10(1 - percentile / 100): f"p{percentile:g}" for percentile in (50, 90, 99, 99.9, 99.99)}
"""Nines that are named on the axis, and where a curve carries the sign of its run."""
FIRST = 0.1
"""The share of operations from which on a curve is drawn: what the very fastest took tells little."""
FACTORS = (1, 2, 5)
"""Of the powers of ten that the latency axis names."""


class Curve(Series, frozen=True):
    """A run's latencies."""

    points: tuple[tuple[float, float], ...]
    """Nines and milliseconds: 1 is the 90th percentile, 2 the 99th."""


def curve_of(record: Record, name: str, sign: str, hue: int) -> Curve | None:
    """A run's curve; None where no operation returned. The slowest operation of all has no percentile, so no point."""
    if record.latency_hdr is None:
        return None
    drawn = [each for each in percentiles_in(record.latency_hdr) if FIRST <= each.share < 1]
    points = tuple((-math.log10(1 - each.share), each.value_ms) for each in drawn)
    return Curve(name, sign, hue, points) if len(points) > 1 else None


class Percentiles(Canvas):
    """Curves over each other, with their legend. Empty, it says why."""

    curves: reactive[tuple[Curve, ...]] = reactive(())
    """What is drawn."""

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """The legend, and the chart below it."""
        return below_legend(self.curves, self.empty, width, height, draw)


def draw(curves: Sequence[Curve], width: int, height: int) -> list[list[Segment]]:
    """The chart; its axes name their units."""
    plot = Plot(width, height)
    furthest = max(nines for curve in curves for nines, _ in curve.points)
    values = [math.log10(value) for curve in curves for _, value in curve.points]
    bottom, top = _padded(min(values), max(values))
    plot.axis("x", (0.0, furthest * 1.02), {at: name for at, name in MARKS.items() if at <= furthest})
    plot.axis("y", (bottom, top), _latency_ticks(bottom, top, max(height // 3, 2)))
    for curve in curves:
        logs = [(nines, math.log10(value)) for nines, value in curve.points]
        plot.line(logs, hue_of(curve.hue))
    for curve in curves:
        plot.signs(_signed(curve.points), curve.sign, hue_of(curve.hue))
    return plot.rows()


def _signed(points: Points) -> list[tuple[float, float]]:
    """Where a curve carries its sign: at the marked percentiles that it reaches, in the chart's coordinates."""
    found = []
    for at in MARKS:
        reached = [value for nines, value in points if nines >= at - 1e-9]
        if reached:
            found.append((at, math.log10(reached[0])))
    return found


def _padded(low: float, high: float) -> tuple[float, float]:
    """A little room around what is drawn, and some even where all is the same."""
    margin = max((high - low) * 0.05, 0.05)
    return low - margin, high + margin


def _latency_ticks(low: float, high: float, most: int) -> dict[float, str]:
    """Round latencies between two powers of ten; fewer of them where they would not fit."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    for factors in (FACTORS, (1, 3), (1,)):
        ticks = [factor * 10.0**decade for decade in decades for factor in factors]
        shown = {math.log10(tick): format_latency(tick) for tick in ticks if low <= math.log10(tick) <= high}
        if len(shown) <= most:
            break
    return shown
