"""The chart of scaling: throughput over the number of clients, measured, fitted, and ideal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.segment import Segment
from textual.reactive import reactive

from membench.tui.common.canvas import Canvas, Line
from membench.tui.common.chart import HEADROOM, ROWS_PER_TICK, rate_ticks
from membench.tui.common.colours import hue_of
from membench.tui.common.plot import Plot, Series, with_legend

LABEL_CELLS = 6
"""Half the cells of a label of the axis of clients."""


class ScalingCurve(Series, frozen=True):
    """How a system scales."""

    measured: tuple[tuple[int, float], ...]
    """Clients, and memories per second."""
    fitted: tuple[tuple[float, float], ...] = ()
    """Points of the fitted curve; empty without a fit."""
    ideal: tuple[tuple[float, float], ...] = ()
    """Points of clients that never wait for each other: min(N / R1, best found)."""


class Curves(Canvas):
    """Curves over the number of clients, with a legend."""

    curves: reactive[tuple[ScalingCurve, ...]] = reactive(())
    """The curves to draw."""

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return the legend and the chart below it."""
        return with_legend(self.curves, self.empty, width, height, draw)


def draw(curves: Sequence[ScalingCurve], width: int, height: int) -> list[list[Segment]]:
    """Return a chart with measured points as markers, fits as lines, and the part of the ideals that fits as dots."""
    plot = Plot(width, height)
    counts = sorted({clients for curve in curves for clients, _ in curve.measured})
    top = max(rate for curve in curves for _, rate in (*curve.measured, *curve.fitted)) * HEADROOM
    first, last = math.log2(counts[0]), math.log2(counts[-1])
    cell = max(last - first, 1.0) / width
    plot.axis("x", (first - 2 * cell, last + LABEL_CELLS * cell), _client_ticks(counts, LABEL_CELLS * cell))
    plot.axis("y", (0.0, top), rate_ticks(top, height // ROWS_PER_TICK))
    for curve in curves:
        plot.reference_line([(math.log2(clients), rate) for clients, rate in curve.ideal if rate <= top])
    for curve in curves:
        plot.line([(math.log2(clients), rate) for clients, rate in curve.fitted], hue_of(curve.hue))
    for curve in curves:
        plot.markers([(math.log2(clients), rate) for clients, rate in curve.measured], curve.marker, hue_of(curve.hue))
    return plot.rows()


def _client_ticks(counts: Sequence[int], room: float) -> dict[float, str]:
    """Return the labels of the axis: the largest number with its unit, and as many others as have room."""
    labels: dict[float, str] = {}
    for clients in reversed(counts):
        position = math.log2(clients)
        if all(abs(position - other) >= room for other in labels):
            labels[position] = str(clients) if labels else f"{clients} clients"
    return dict(sorted(labels.items()))
