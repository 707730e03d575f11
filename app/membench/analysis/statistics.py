"""What may be said of a handful of repeats or windows, and of how evenly clients were served."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator, Sequence

RESAMPLES = 2000
SMALL_SAMPLE = 1.217
"""How far an interval from resampling ten values falls short: Student's t over the normal, sqrt(10 / 9) times."""


def bootstrap_interval(values: Sequence[float], resamples: int = RESAMPLES) -> tuple[float | None, float | None]:
    """The 95 % interval of the median, by resampling with a fixed seed; `(None, None)` for fewer than two values."""
    if len(values) < 2:
        return None, None
    return _middle(list(_medians(values, random.Random(0), resamples)))


def ratio_of_repeats(above: Sequence[float], below: Sequence[float]) -> tuple[float | None, float | None]:
    """The 95 % interval of the ratio of two medians, each resampled by itself; needs two values of each."""
    if min(len(above), len(below)) < 2:
        return None, None
    generator = random.Random(0)
    return _ratio(_medians(above, generator, RESAMPLES), _medians(below, generator, RESAMPLES))


def ratio_of_windows(above: Sequence[float], below: Sequence[float]) -> tuple[float | None, float | None]:
    """The 95 % interval of the ratio of two means over ten windows of time each, in parts of that ratio: around 1.

    Neighbouring windows are drawn together (blocks of two, in a circle), since what disturbs one often disturbs the
    next; and the interval is widened as its few values ask for. In simulations it holds the true ratio 92 to 94 times
    in 100 where disturbances last for less than a window, and 85 times where they last for two.
    """
    if not (sum(above) and sum(below)):
        return None, None
    generator = random.Random(0)
    low, high = _ratio(_means_of_pairs(above, generator), _means_of_pairs(below, generator))
    if low is None or high is None:
        return None, None
    return low**SMALL_SAMPLE, high**SMALL_SAMPLE


def _medians(values: Sequence[float], generator: random.Random, resamples: int) -> Iterator[float]:
    return (statistics.median(generator.choices(values, k=len(values))) for _ in range(resamples))


def _means_of_pairs(values: Sequence[float], generator: random.Random) -> Iterator[float]:
    """Means of resamples, in parts of the mean of all."""
    blocks = [values[at] + values[at - 1] for at in range(len(values))]
    count = len(values) // 2
    whole = sum(values) * 2 * count / len(values)
    return (sum(generator.choices(blocks, k=count)) / whole for _ in range(RESAMPLES))


def _ratio(above: Iterator[float], below: Iterator[float]) -> tuple[float | None, float | None]:
    """The middle of paired resamples; none where one of them has nothing below the line."""
    pairs = list(zip(above, below, strict=True))
    return _middle([a / b for a, b in pairs]) if all(b for _, b in pairs) else (None, None)


def _middle(resampled: Sequence[float]) -> tuple[float, float]:
    """What 95 % of the values lie between."""
    ordered = sorted(resampled)
    last = len(ordered) - 1
    return ordered[round(0.025 * last)], ordered[round(0.975 * last)]


def jain_index(amounts: Sequence[float]) -> float | None:
    """Jain's fairness index, (sum x)^2 / (n sum x^2): 1 when all are equal, 1/n when one has it all."""
    squares = sum(amount * amount for amount in amounts)
    if len(amounts) < 2 or not squares:
        return None
    total = sum(amounts)
    return total * total / (len(amounts) * squares)
