"""The throughput of a run as a curve over time."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from membench.session.timeline import Point
from membench.tui.common.chart import Curve, Level
from membench.tui.common.colours import hue_of
from membench.tui.common.snapshot import RunView
from membench.tui.common.words import short_title
from membench.units import format_rate

AVERAGE_S = 0.5
"""Each rate in the chart is a mean over this time: a tick holds too few memories for a rate of its own."""
LEVELS_MAX = 3
"""Most earlier runs that the chart compares a run with."""


def throughput_curve(run: RunView, earlier: Sequence[RunView], span_s: float | None) -> Curve:
    """Return the throughput of a run, the best rate found, and the mean rates of earlier runs of the same scenario.

    Args:
        run: The run.
        earlier: The runs before it in the plan.
        span_s: The seconds to show, up to the last one measured; None for the whole run.
    """
    figures, points = run.figures, run.within(span_s)
    limit = figures.limit_memories_per_s
    return Curve(
        points=moving_average(points, AVERAGE_S),
        colour=hue_of(run.hue),
        from_s=max(points[-1].end_s - span_s, 0.0) if span_s and points else 0.0,
        span_s=span_s or (figures.duration_s or 0.0) * figures.repeats or 1.0,
        limit=Level(limit, f"best found {format_rate(limit)}") if limit else None,
        levels=tuple(_levels(run, earlier)),
        caption=span_text(span_s),
    )


def moving_average(points: Sequence[Point], window_s: float) -> tuple[tuple[float, float], ...]:
    """Return the end of each point, in seconds, and the mean rate over the window that ends there."""
    rates = []
    window: deque[Point] = deque()
    for point in points:
        window.append(point)
        while len(window) > 1 and window[0].end_s <= point.end_s - window_s + 1e-9:
            window.popleft()
        seconds = sum(each.duration_s for each in window)
        rates.append((point.end_s, sum(each.items for each in window) / seconds if seconds else 0.0))
    return tuple(rates)


def span_text(span_s: float | None) -> str:
    """Return `last 30 s`; nothing for the whole run."""
    return f"last {span_s:g} s" if span_s else ""


def _levels(run: RunView, earlier: Sequence[RunView]) -> list[Level]:
    """Return the mean rates of the latest comparable runs, the latest first."""
    rated = [
        (rate, other)
        for other in earlier
        if other.figures.scenario == run.figures.scenario and (rate := other.figures.memories_per_s)
    ]
    return [Level(rate, short_title(other)) for rate, other in reversed(rated[-LEVELS_MAX:])]
