"""The ratio of two runs: how many times faster one is, and how certain that is."""

from __future__ import annotations

from typing import Literal

import msgspec

from membench.analysis.figures import Figures
from membench.analysis.statistics import ratio_of_repeats, ratio_of_windows


class Ratio(msgspec.Struct, frozen=True):
    """How many times faster one run is than another, with its 95 % interval."""

    value: float
    low: float | None = None
    """None, as is `high`, where too little was measured."""
    high: float | None = None
    basis: Literal["repeats", "windows"] | None = None
    """What the interval is resampled from: the repeats of each run, or ten windows of its measured time."""

    @property
    def may_be_chance(self) -> bool:
        """Whether the interval includes a ratio of 1."""
        return self.low is not None and self.low <= 1


def compare(a: Figures, b: Figures) -> Ratio | None:
    """Return how many times faster `a` is than `b`; None when one of them has no rate.

    With two repeats or more of each, the interval is that of the ratio of their medians. Otherwise it comes from equal
    windows of each run's time. Either way it covers the noise while these two runs were measured, but not what changes
    from one process to the next, from one day to another, or with other texts.
    """
    if not a.memories_per_s or not b.memories_per_s:
        return None
    value = a.memories_per_s / b.memories_per_s
    low, high = ratio_of_repeats(a.memories_per_s_repeats, b.memories_per_s_repeats)
    if low is not None and high is not None:
        return Ratio(value, low, high, "repeats")
    if a.memories_per_s_windows and b.memories_per_s_windows:
        low, high = ratio_of_windows(a.memories_per_s_windows, b.memories_per_s_windows)
        if low is not None and high is not None:
            return Ratio(value, value * low, value * high, "windows")
    return Ratio(value)
