"""Confidence intervals of rates and of their ratios, and the fairness between clients.

A repeat is a fresh process, so repeats differ by what changes from one process to the next. That variation multiplies a
rate, so every interval is computed on logarithms and is exact where these are normally distributed.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

CONFIDENCE = 0.95
REPEATS_MIN = 3
"""Repeats from which on an interval is stated. Two give one whose upper end is thousands of times its lower."""


class Interval(NamedTuple):
    """The lower and the upper end of a 95 % confidence interval."""

    low: float
    high: float


def mean_rate(rates: Sequence[float]) -> float | None:
    """Return the geometric mean of the rates of repeats, so that a ratio of rates is the mean ratio.

    0 if one of them is 0; None without any.
    """
    if len(rates) < 2:
        return rates[0] if rates else None
    return statistics.geometric_mean(rates) if all(rate > 0 for rate in rates) else 0.0


def rate_interval(rates: Sequence[float]) -> Interval | None:
    """Return the interval of the mean rate: Student's t on the logarithms of the repeats' rates.

    None for fewer than three repeats, or if one has no rate.
    """
    if len(rates) < REPEATS_MIN or not all(rate > 0 for rate in rates):
        return None
    logs = [math.log(rate) for rate in rates]
    return _around(statistics.fmean(logs), statistics.stdev(logs) / math.sqrt(len(logs)), len(logs) - 1)


def paired_ratio_interval(numerators: Sequence[float], denominators: Sequence[float]) -> Interval | None:
    """Return the interval of the ratio of two mean rates whose repeats were measured in pairs, one after the other.

    It is that of the mean of the pairs' ratios, so what changes slowly affects both sides of a pair and cancels out.
    None for fewer than three pairs, or if a repeat has no rate.
    """
    rates = (*numerators, *denominators)
    if len(numerators) != len(denominators) or not all(rate > 0 for rate in rates):
        return None
    return rate_interval([a / b for a, b in zip(numerators, denominators, strict=True)])


def ratio_interval(numerators: Sequence[float], denominators: Sequence[float]) -> Interval | None:
    """Return the interval of the ratio of two mean rates that were measured independently: Welch's t on logarithms.

    None for fewer than three repeats of each, or if one has no rate.
    """
    if min(len(numerators), len(denominators)) < REPEATS_MIN or not all((*numerators, *denominators)):
        return None
    a, b = ([math.log(rate) for rate in rates] for rates in (numerators, denominators))
    errors = [statistics.variance(logs) / len(logs) for logs in (a, b)]
    error = sum(errors)
    if not error:
        return _around(a[0] - b[0], 0.0, 1)
    freedom = error**2 / sum(part**2 / (len(logs) - 1) for part, logs in zip(errors, (a, b), strict=True))
    return _around(statistics.fmean(a) - statistics.fmean(b), math.sqrt(error), freedom)


def _around(mean_log: float, standard_error: float, freedom: float) -> Interval:
    """Return the interval around the logarithm of a mean, for a number of degrees of freedom."""
    from scipy.special import stdtrit

    margin = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * standard_error
    return Interval(math.exp(mean_log - margin), math.exp(mean_log + margin))


def jain_index(amounts: Sequence[float]) -> float | None:
    """Return Jain's fairness index, (sum x)^2 / (n sum x^2): 1 when all are equal, 1/n when one has everything.

    None for fewer than two amounts, or if all are 0.
    """
    squares = sum(amount * amount for amount in amounts)
    if len(amounts) < 2 or not squares:
        return None
    total = sum(amounts)
    return total * total / (len(amounts) * squares)
