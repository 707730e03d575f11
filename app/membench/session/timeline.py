"""The throughput and core use of a run over time, in bounded space."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from itertools import accumulate, pairwise

import msgspec

POINTS_MAX = 400
"""Points kept of a run. Beyond that, neighbours are merged, so a long run costs no more than a short one."""
WINDOWS = 10
"""Windows of a run: enough for an interval, each long enough to hold many operations."""
RECENT_S = 60.0
"""Seconds for which every tick is kept, for a close look."""
NOW_S = 1.0
"""Seconds over which the current rate is averaged."""


class Point(msgspec.Struct, frozen=True):
    """A stretch of a run's measured time."""

    end_s: float
    duration_s: float
    items: int
    """Memories acknowledged in it."""
    cores: tuple[float, ...]
    """Mean use of each core, 0 to 100."""

    @property
    def memories_per_s(self) -> float:
        """Memories acknowledged per second."""
        return self.items / self.duration_s if self.duration_s else 0.0


class Timeline:
    """The points of one run, merged in pairs as their number grows."""

    def __init__(self) -> None:
        self._points: list[Point] = []
        self._stride = 1
        self._pending: list[Point] = []
        self._recent: deque[Point] = deque()

    def append(self, point: Point) -> None:
        """Add the next point."""
        self._recent.append(point)
        while len(self._recent) > 1 and self._recent[0].end_s <= point.end_s - RECENT_S:
            self._recent.popleft()
        self._pending.append(point)
        if len(self._pending) < self._stride:
            return
        self._points.append(merge_points(self._pending))
        self._pending.clear()
        if len(self._points) == POINTS_MAX:
            self._points = [merge_points(self._points[at : at + 2]) for at in range(0, POINTS_MAX, 2)]
            self._stride *= 2

    @property
    def points(self) -> tuple[Point, ...]:
        """The whole run, oldest first."""
        return (*self._points, merge_points(self._pending)) if self._pending else tuple(self._points)

    @property
    def recent(self) -> tuple[Point, ...]:
        """The last `RECENT_S` seconds, tick by tick."""
        return tuple(self._recent)

    @property
    def memories_per_s_now(self) -> float | None:
        """The rate of the last `NOW_S` seconds; None before the first point."""
        if not self._recent:
            return None
        since_s = self._recent[-1].end_s - NOW_S
        last = [point for point in self._recent if point.end_s > since_s]
        return merge_points(last).memories_per_s

    def windows(self) -> tuple[float, ...] | None:
        """Return memories per second in ten equal windows, first to last; start and tail are included.

        A point that lies in two windows counts in both, by its share. None when there are fewer points than windows:
        the windows would then say no more than the points.
        """
        points = self.points
        ends_s = list(accumulate(point.duration_s for point in points))
        if len(ends_s) < WINDOWS or not ends_s[-1]:
            return None
        width_s = ends_s[-1] / WINDOWS
        items = list(accumulate(point.items for point in points))

        def items_by(moment_s: float) -> float:
            at = min(bisect_left(ends_s, moment_s), len(ends_s) - 1)
            return items[at] - points[at].memories_per_s * (ends_s[at] - moment_s)

        counts = [items_by(window * width_s) for window in range(WINDOWS + 1)]
        return tuple((after - before) / width_s for before, after in pairwise(counts))


def merge_points(points: Sequence[Point]) -> Point:
    """Merge neighbouring points into one; there is at least one."""
    duration_s = sum(point.duration_s for point in points)
    if len(points) == 1 or not duration_s:
        return points[-1]
    cores = zip(*(point.cores for point in points), strict=True)
    weights = [point.duration_s / duration_s for point in points]
    return Point(
        end_s=points[-1].end_s,
        duration_s=duration_s,
        items=sum(point.items for point in points),
        cores=tuple(sum(use * weight for use, weight in zip(core, weights, strict=True)) for core in cores),
    )
