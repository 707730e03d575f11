"""Throughput over clients: what was measured, the fitted curve, and what would be possible."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.segment import Segment
from textual.reactive import reactive

from membench.tui.common.canvas import Canvas, Line
from membench.tui.common.chart import HEADROOM, ROWS_PER_TICK, rate_ticks
from membench.tui.common.colours import hue_of
from membench.tui.common.plot import Plot, Series, below_legend

LABEL_CELLS = 6
"""Cells that a label of the axis of clients takes to either side."""


class ScalingCurve(Series, frozen=True):
    """How one system scales."""

    measured: tuple[tuple[int, float], ...]
    """Clients and memories a second."""
    fitted: tuple[tuple[float, float], ...] = ()
    """The curve, in steps fine enough to draw; nothing where there is none."""
    bound: tuple[tuple[float, float], ...] = ()
    """What is possible at most: min(N / R1, limit)."""


class Curves(Canvas):
    """Curves over the number of clients, with their legend. Empty, it says why."""

    curves: reactive[tuple[ScalingCurve, ...]] = reactive(())
    """What is drawn."""

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """The legend, and the chart below it."""
        return below_legend(self.curves, self.empty, width, height, draw)


def draw(curves: Sequence[ScalingCurve], width: int, height: int) -> list[list[Segment]]:
    """Measured points with their signs, the fits as lines, the bound as dots where it lies within the chart."""
    plot = Plot(width, height)
    counts = sorted({clients for curve in curves for clients, _ in curve.measured})
    top = max(rate for curve in curves for _, rate in (*curve.measured, *curve.fitted)) * HEADROOM
    first, last = math.log2(counts[0]), math.log2(counts[-1])
    cell = max(last - first, 1.0) / width
    plot.axis("x", (first - 2 * cell, last + LABEL_CELLS * cell), _client_ticks(counts, LABEL_CELLS * cell))
    plot.axis("y", (0.0, top), rate_ticks(top, height // ROWS_PER_TICK))
    for curve in curves:
        plot.behind([(math.log2(clients), rate) for clients, rate in curve.bound if rate <= top])
    for curve in curves:
        plot.line([(math.log2(clients), rate) for clients, rate in curve.fitted], hue_of(curve.hue))
    for curve in curves:
        plot.signs([(math.log2(clients), rate) for clients, rate in curve.measured], curve.sign, hue_of(curve.hue))
    return plot.rows()


def _client_ticks(counts: Sequence[int], room: float) -> dict[float, str]:
    """The numbers of clients that were measured, the most with the unit; the others as far as each has room."""
    shown: dict[float, str] = {}
    for clients in reversed(counts):
        at = math.log2(clients)
        if all(abs(at - other) >= room for other in shown):
            shown[at] = str(clients) if shown else f"{clients} clients"
    return dict(sorted(shown.items()))
