"""The ratio of two runs: how many times faster one is, and how certain that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from membench.analysis.figures import Figures
from membench.analysis.groups import group_by, same_task
from membench.analysis.statistics import paired_ratio_interval, ratio_interval

Basis = Literal["pairs", "repeats"]
"""What an interval rests on: pairs of repeats from the same blocks of a plan, or the repeats of each run."""


class Ratio(msgspec.Struct, frozen=True):
    """How many times faster one run is than another, with its 95 % interval."""

    value: float
    low: float | None = None
    """None, as is `high`, where there is no interval: with fewer than three repeats of each."""
    high: float | None = None
    basis: Basis | None = None

    @property
    def includes_1(self) -> bool | None:
        """Whether the interval includes 1, so that the difference may be chance; None without an interval."""
        return None if self.low is None or self.high is None else self.low <= 1 <= self.high


def compare(a: Figures, b: Figures) -> Ratio | None:
    """Return how many times faster `a` is than `b`; None when one of them has no rate.

    Repeats of a plan alternate in blocks, so those of two runs of the same plan are compared in pairs. The interval
    covers the noise and what changes from one process to the next, but not what changes with the day, the machine or
    the texts. Repeats of older records shared a process, which says nothing about the next one: no interval.
    """
    if not a.memories_per_s or not b.memories_per_s:
        return None
    value = a.memories_per_s / b.memories_per_s
    rates, others = _rates_of_processes(a), _rates_of_processes(b)
    basis: Basis = "pairs" if a.plan_id == b.plan_id and len(rates) == len(others) else "repeats"
    interval = paired_ratio_interval(rates, others) if basis == "pairs" else ratio_interval(rates, others)
    return Ratio(value, *interval, basis) if interval else Ratio(value)


def clearly_fastest(runs: Sequence[Figures]) -> frozenset[str]:
    """Return the names of the runs that are faster than each other run of the same task by more than chance.

    A task has none where its fastest two may differ by chance, where a run of it was not repeated, and where only one
    run of it was made.
    """
    names = set()
    for group in group_by((run for run in runs if run.memories_per_s), same_task).values():
        fastest = max(group, key=lambda run: run.memories_per_s or 0.0)
        ratios = [compare(fastest, run) for run in group if run is not fastest]
        if ratios and all(ratio and ratio.includes_1 is False for ratio in ratios):
            names.add(fastest.run_id)
    return frozenset(names)


def _rates_of_processes(run: Figures) -> tuple[float, ...]:
    """Return the rates of the repeats that ran in processes of their own."""
    return run.memories_per_s_repeats if run.repeats_started_at else ()
