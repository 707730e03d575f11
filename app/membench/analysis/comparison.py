"""Two runs beside each other: how many times faster one is, how sure that is, and whether they may be compared."""

from __future__ import annotations

from typing import Literal

import msgspec

from membench.analysis.statistics import ratio_of_repeats, ratio_of_windows
from membench.results.record import Record
from membench.units import format_rate

CONDITIONS = {
    **{name: name for name in ("scenario", "operation", "items", "loop", "arrivals", "model", "weights", "precision")},
    **{"batch": "batch_size", "duration": "duration_s", "rate": "target_operations_per_s", "embedder": "embedder"},
    "membench-tui": "membench_version",
}
"""What two runs should share, or a ratio of theirs says less than it seems to: what it is called, and its field."""

WITHIN_ONE_RUN = "intervals are from within each run; --repeats 5 gives them over repeats"


class Ratio(msgspec.Struct, frozen=True):
    """How many times faster one run is than another, with its 95 % interval."""

    value: float
    low: float | None = None
    """None with `high` where too little was measured to say."""
    high: float | None = None
    basis: Literal["repeats", "windows"] | None = None
    """What the interval was resampled from: the repeats of each run, or ten windows of its measured time."""


def compare(a: Record, b: Record) -> Ratio | None:
    """How many times faster `a` is than `b`, by throughput; None when one of them has none.

    With two repeats of each or more, the interval is that of the ratio of their medians. Otherwise it comes from equal
    windows of each run's time. Either way it covers the noise there was while these two runs were measured: not what
    changes from one process to the next, from one day to another, or with other texts.
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


def ratio_in_words(a_label: str, b_label: str, ratio: Ratio) -> str:
    """`adaptive is 1.86x mutex (1.79 to 1.94)`."""
    words = f"{a_label} is {format_rate(ratio.value)}x {b_label}"
    if ratio.low is None or ratio.high is None:
        return words
    return f"{words} ({format_rate(ratio.low)} to {format_rate(ratio.high)})"


def differences(a: Record, b: Record) -> list[str]:
    """What makes two runs unlike that nobody compares on purpose: `weights: real against twin`, a field each."""
    facts = [(name, getattr(a, field), getattr(b, field)) for name, field in CONDITIONS.items()]
    if a.environment and b.environment:
        names = {**a.environment, **b.environment}
        facts += [(name, a.environment.get(name), b.environment.get(name)) for name in names]
    return [f"{name}: {_shown(one)} against {_shown(other)}" for name, one, other in facts if one != other]


def _shown(value: object) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
