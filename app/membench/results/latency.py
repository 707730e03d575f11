"""Latency percentiles as HdrHistogram lists them: finer, the fewer operations are left above."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from hdrh.histogram import HdrHistogram

from membench.session.measurement import NS_PER_MS


class Percentile(NamedTuple):
    """What a share of the operations did not exceed."""

    share: float
    """0 to 1."""
    value_ms: float
    reached: int
    """Operations that were no slower."""


def percentiles_of(histogram: HdrHistogram) -> Iterator[Percentile]:
    """The rows of a percentile table; the histogram is not empty."""
    recorded = [(item.value_iterated_to, item.total_count_to_this_value) for item in histogram.get_recorded_iterator()]
    counts = [count for _, count in recorded]
    for share in _shares(counts[-1]):
        value, count = recorded[bisect.bisect_left(counts, max(int(share * counts[-1] + 0.5), 1))]
        yield Percentile(share, value / NS_PER_MS, count)


@lru_cache(maxsize=64)
def percentiles_in(latency_hdr: str) -> tuple[Percentile, ...]:
    """The percentiles of a record's histogram, decoded once however often it is drawn."""
    return tuple(percentiles_of(HdrHistogram.decode(latency_hdr)))


def _shares(total: int) -> Iterator[float]:
    """The rows of a percentile table, as HdrHistogram's own: five to each halving of what is left, then all."""
    share = 0.0
    while (1 - share) * total >= 1:
        yield share
        share += 1 / (5 * 2 ** (math.floor(math.log2(1 / (1 - share))) + 1))
    yield 1.0
