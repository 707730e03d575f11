"""Comparisons without bias from a machine that drifts: alternating order, and medians of ratios within a round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
First = TypeVar("First")
Second = TypeVar("Second")


def alternating(candidates: Iterable[T], round_index: int) -> list[T]:
    """Return the candidates in their order, reversed in every second round."""
    ordered = list(candidates)
    return ordered[::-1] if round_index % 2 else ordered


def measure_pairs(
    first: Callable[[], First], second: Callable[[], Second], count: int
) -> Iterator[tuple[First, Second]]:
    """Measure two things in alternating order; yield the results of each round."""
    for round_index in range(count):
        if round_index % 2:
            second_result = second()
            yield first(), second_result
        else:
            yield first(), second()


def median_ratio(pairs: Iterable[tuple[float, float]]) -> float:
    """Return the median of first/second over rounds."""
    return statistics.median(first / second for first, second in pairs)
