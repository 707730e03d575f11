"""What a run has measured so far: one immutable snapshot of its accumulator."""

from __future__ import annotations

import msgspec

from membench.analysis.diagnosis import Diagnosis
from membench.analysis.figures import Figures
from membench.results.latency import Latencies
from membench.session.timeline import Point


class RunProgress(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a run at one moment, and what charts draw of it."""

    figures: Figures
    points: tuple[Point, ...] = ()
    """The whole run, oldest first."""
    recent: tuple[Point, ...] = ()
    """The last minute, tick by tick."""
    memories_per_s_now: float | None = None
    """The rate of the last second."""
    latencies: Latencies = Latencies()
    diagnosis: Diagnosis | None = None
    """What seems to hold the run back; None until enough is measured."""

    @property
    def measured_s(self) -> float:
        """Measured seconds available to plot."""
        return self.points[-1].end_s if self.points else 0.0

    def within(self, span_s: float | None) -> tuple[Point, ...]:
        """Return the points of the last seconds; of the whole run for None."""
        if span_s is None or not self.points:
            return self.points
        since_s = self.points[-1].end_s - span_s
        return tuple(point for point in self.recent if point.end_s > since_s)
