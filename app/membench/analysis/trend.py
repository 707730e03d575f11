"""Trends within a run: whether its throughput rose or fell while it was measured."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import combinations

from membench.analysis.facts import Fact
from membench.analysis.figures import Figures

CHANGE_MIN = 0.1
"""Relative change from the first third of the time to the last from which on a trend is stated."""
CONCORDANCE_MIN = 29
"""Kendall's S of ten windows from which on their order is no chance: it happens to one steady run in a hundred."""
SETTLED = 0.05
"""How far a window may be from the mean of the second half and still count as settled."""
OPERATIONS_PER_WINDOW = 10
LATENCIES_PER_WINDOW = 3
"""Operations, and mean latencies, that a window must hold: in shorter ones, the first operations look like a trend."""


def trend(figures: Figures) -> Fact | None:
    """Return how the throughput of the repeats changed while they were measured; None where it was steady.

    Based on ten windows of equal time, averaged over the repeats.
    """
    windows = figures.memories_per_s_windows
    if windows is None or not _are_long_enough(figures, windows):
        return None
    first, last = statistics.fmean(windows[:3]), statistics.fmean(windows[-3:])
    change = last / first - 1 if first else 0.0
    if abs(change) < CHANGE_MIN or abs(_concordance(windows)) < CONCORDANCE_MIN:
        return None
    settled = _settled_after(windows)
    if settled is not None and settled <= len(windows) // 2 and figures.measured_s:
        repeat_s = figures.measured_s / max(len(figures.memories_per_s_repeats), 1)
        return Fact("settled", {"after_s": settled / len(windows) * repeat_s})
    return Fact("still_rising", {"change": change}) if change > 0 else Fact("slowing_down", {"change": -change})


def _are_long_enough(figures: Figures, windows: Sequence[float]) -> bool:
    repeats = max(len(figures.memories_per_s_repeats), 1)
    window_s = (figures.measured_s or 0.0) / repeats / len(windows)
    latency_s = (figures.latency_mean_ms or 0.0) / 1e3
    operations = (figures.operations_per_s or 0.0) * window_s
    return operations >= OPERATIONS_PER_WINDOW and window_s >= LATENCIES_PER_WINDOW * latency_s


def _concordance(values: Sequence[float]) -> int:
    """Return Kendall's S: rising pairs less falling pairs. Source: M. Kendall, Biometrika 30, 1938."""
    return sum((later > earlier) - (later < earlier) for earlier, later in combinations(values, 2))


def _settled_after(windows: Sequence[float]) -> int | None:
    """Return the number of windows before the rate stayed close to that of the second half; None if it never did."""
    level = statistics.fmean(windows[len(windows) // 2 :])
    unsettled = [at for at, rate in enumerate(windows) if abs(rate / level - 1) > SETTLED] if level else []
    if not unsettled:
        return 0
    return unsettled[-1] + 1 if unsettled[-1] + 1 < len(windows) else None
