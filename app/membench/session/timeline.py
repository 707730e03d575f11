"""The course of a run in a handful of figures: its throughput in equal stretches of the measured time."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate, pairwise

WINDOWS = 10
"""Stretches of a run: enough for an interval, and long enough each to hold many operations."""
PIECES_MAX = 400
"""Pieces kept of a run; beyond that, neighbours become one, so a long run costs no more than a short one."""


class Windows:
    """Collects pieces of measured time, of any length, and deals them out to equal windows."""

    def __init__(self) -> None:
        self._pieces: list[tuple[float, int]] = []

    def add(self, duration_s: float, items: int) -> None:
        """Take the next piece: how long it was, and the memories that were acknowledged in it."""
        self._pieces.append((duration_s, items))
        if len(self._pieces) > PIECES_MAX:
            pairs = (self._pieces[at : at + 2] for at in range(0, len(self._pieces), 2))
            self._pieces = [(sum(s for s, _ in pair), sum(count for _, count in pair)) for pair in pairs]

    def rates(self) -> tuple[float, ...] | None:
        """Memories a second in each window, first to last: nothing is left out, neither the start nor the tail.

        A piece that lies in two windows counts in both, by its share. None when there are fewer pieces than windows:
        the windows would then say nothing that the pieces do not.
        """
        ends_s = list(accumulate(duration_s for duration_s, _ in self._pieces))
        if len(ends_s) < WINDOWS or not ends_s[-1]:
            return None
        width_s = ends_s[-1] / WINDOWS
        done = list(accumulate(items for _, items in self._pieces))

        def done_by(moment_s: float) -> float:
            at = min(bisect_left(ends_s, moment_s), len(ends_s) - 1)
            duration_s, items = self._pieces[at]
            return done[at] - (items * (ends_s[at] - moment_s) / duration_s if duration_s else 0.0)

        counts = [done_by(window * width_s) for window in range(WINDOWS + 1)]
        return tuple((after - before) / width_s for before, after in pairwise(counts))
