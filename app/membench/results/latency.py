"""Latencies of operations: the histogram, and the one function that computes percentiles.

A histogram has the buckets of an HdrHistogram of three significant digits, and percentiles follow its definition: the
highest value of the first bucket at which the count reaches the percentile's share of all operations. A percentile is
stated only with at least ten operations beyond it (`is_stated`); tables for HdrHistogram's plotter have every row.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import msgspec

from membench.messages.run import LATENCY_BITS, is_stated

PERCENTILES = (50.0, 90.0, 99.0, 99.9)
"""The percentiles that records state."""
NS_PER_MS = 1e6
BINS_PER_DECADE = 24
HIGHEST_NS = 3_600_000_000_000
SIGNIFICANT_DIGITS = 3


class PercentileRow(NamedTuple):
    """One row of a percentile table."""

    percentile: float
    """0 to 100."""
    value_ms: float
    reached: int
    """Operations that took no longer."""


class Latencies(msgspec.Struct, frozen=True):
    """Operations by latency."""

    values_ns: tuple[int, ...] = ()
    """The lowest value of each bucket in use, ascending."""
    counts: tuple[int, ...] = ()
    """Operations up to and including each bucket."""

    @classmethod
    def of(cls, counts: Mapping[int, int]) -> Latencies:
        """Return the latencies counted by the lowest values of their buckets, in nanoseconds."""
        values = sorted(counts)
        return cls(tuple(values), tuple(accumulate(counts[value] for value in values)))

    @property
    def total(self) -> int:
        """Operations in all."""
        return self.counts[-1] if self.counts else 0

    @property
    def max_ms(self) -> float | None:
        """The longest latency; None without operations."""
        return _highest_ns(self.values_ns[-1]) / NS_PER_MS if self.values_ns else None

    def percentile_ms(self, percentile: float) -> float | None:
        """Return the latency that a percentage of the operations did not exceed; None with too few operations."""
        return self._row(percentile).value_ms if is_stated(percentile, self.total) else None

    def rows(self) -> Iterator[PercentileRow]:
        """Yield all rows of a percentile table: five per halving of what remains, and `PERCENTILES` themselves."""
        if self.counts:
            for percentile in sorted({*_table_percentiles(self.total), *PERCENTILES}):
                yield self._row(percentile)

    def bins(self) -> tuple[tuple[int, int], ...]:
        """Return the operations of each bin, ascending; bin b starts at 10 ** (b / BINS_PER_DECADE) nanoseconds."""
        bins: Counter[int] = Counter()
        before = 0
        for value, count in zip(self.values_ns, self.counts, strict=True):
            bins[bin_of(value)] += count - before
            before = count
        return tuple(sorted(bins.items()))

    def encode(self) -> str:
        """Return the histogram in HdrHistogram's compressed V2 encoding, base64."""
        from hdrh.histogram import HdrHistogram

        histogram = HdrHistogram(1, HIGHEST_NS, SIGNIFICANT_DIGITS)
        before = 0
        for value, count in zip(self.values_ns, self.counts, strict=True):
            histogram.record_value(value, count - before)
            before = count
        encoded: str = histogram.encode().decode("ascii")
        return encoded

    def _row(self, percentile: float) -> PercentileRow:
        rank = max(int(min(percentile, 100.0) * self.total / 100 + 0.5), 1)
        at = bisect_left(self.counts, rank)
        return PercentileRow(percentile, _highest_ns(self.values_ns[at]) / NS_PER_MS, self.counts[at])


@lru_cache(maxsize=64)
def decode_latencies(latency_hdr: str) -> Latencies:
    """Return the latencies of a record's histogram."""
    from hdrh.histogram import HdrHistogram

    recorded = HdrHistogram.decode(latency_hdr).get_recorded_iterator()
    return Latencies.of({bucket_of(item.value_iterated_to): item.count_at_value_iterated_to for item in recorded})


def bucket_of(value_ns: int) -> int:
    """Return the lowest value of the bucket that holds a latency in nanoseconds."""
    shift = max(value_ns.bit_length() - LATENCY_BITS, 0)
    return (value_ns >> shift) << shift


def bin_of(latency_ns: float) -> int:
    """Return the number of the bin that holds a latency."""
    return math.floor(math.log10(max(latency_ns, 1)) * BINS_PER_DECADE)


def _highest_ns(value_ns: int) -> int:
    return value_ns | ((1 << max(value_ns.bit_length() - LATENCY_BITS, 0)) - 1)


def _table_percentiles(total: int) -> Iterator[float]:
    """Yield the percentiles of HdrHistogram's own tables: five per halving of what remains, then 100."""
    share = 0.0
    while (1 - share) * total >= 1:
        yield share * 100
        share += 1 / (5 * 2 ** (math.floor(math.log2(1 / (1 - share))) + 1))
    yield 100.0
