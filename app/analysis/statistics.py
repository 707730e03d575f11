"""What may be said of a handful of repeats, and of how evenly clients were served."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence


def bootstrap_interval(values: Sequence[float], resamples: int = 2000) -> tuple[float | None, float | None]:
    """The 95 % interval of the median, by resampling with a fixed seed; `(None, None)` for fewer than two values."""
    if len(values) < 2:
        return None, None
    generator = random.Random(0)
    medians = sorted(statistics.median(generator.choices(values, k=len(values))) for _ in range(resamples))
    return medians[round(0.025 * (resamples - 1))], medians[round(0.975 * (resamples - 1))]


def jain_index(amounts: Sequence[float]) -> float | None:
    """Jain's fairness index, (sum x)^2 / (n sum x^2): 1 when all are equal, 1/n when one has it all."""
    squares = sum(amount * amount for amount in amounts)
    if len(amounts) < 2 or not squares:
        return None
    total = sum(amounts)
    return total * total / (len(amounts) * squares)
