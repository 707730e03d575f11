"""Latencies: percentiles as HdrHistogram defines them, the same from counts and from a decoded histogram."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hdrh.histogram import HdrHistogram

from membench.results.latency import (
    HIGHEST_NS,
    PERCENTILES,
    SIGNIFICANT_DIGITS,
    Latencies,
    bin_of,
    bucket_of,
    decode_latencies,
)


def counts_of(seed):
    """Up to 2,000 latencies, from nanoseconds to minutes, as the accumulator counts them."""
    generator = random.Random(seed)
    values = (10 ** generator.uniform(0, generator.uniform(1, 11)) for _ in range(generator.randrange(1, 2000)))
    return Counter(bucket_of(int(value)) for value in values)


def histogram_of(counts):
    histogram = HdrHistogram(1, HIGHEST_NS, SIGNIFICANT_DIGITS)
    for value, count in counts.items():
        histogram.record_value(value, count)
    return histogram


@pytest.mark.parametrize("seed", range(40))
def test_percentiles_are_those_of_an_hdr_histogram(seed):
    counts = counts_of(seed)
    latencies, histogram = Latencies.of(counts), histogram_of(counts)

    for percentile in (*PERCENTILES, 0.0, 1.0, 25.0, 75.0, 99.99):
        expected = histogram.get_highest_equivalent_value(histogram.get_value_at_percentile(percentile))
        assert latencies.percentile_ms(percentile) in (None, expected / 1e6)
    for row in latencies.rows():
        assert row.value_ms == histogram.get_highest_equivalent_value(
            histogram.get_value_at_percentile(row.percentile)) / 1e6  # fmt: skip
    assert latencies.max_ms == histogram.get_max_value() / 1e6
    assert latencies.total == histogram.get_total_count() == counts.total()


@pytest.mark.parametrize(
    ("percentile", "operations"), [(0.0, 10), (50.0, 20), (90.0, 100), (99.0, 1_000), (99.9, 10_000), (99.99, 100_000)]
)
def test_a_percentile_is_stated_from_ten_operations_beyond_it_on(percentile, operations):
    assert Latencies.of({1_000_000: operations - 1}).percentile_ms(percentile) is None
    assert Latencies.of({1_000_000: operations}).percentile_ms(percentile) == pytest.approx(1, rel=0.001)


def test_the_maximum_is_stated_of_any_number_of_operations():
    latencies = Latencies.of({5_000_000: 1})

    assert (latencies.percentile_ms(50.0), latencies.percentile_ms(100.0)) == (None, None)
    assert latencies.max_ms == pytest.approx(5, rel=0.001)


@pytest.mark.parametrize("seed", range(10))
def test_a_histogram_survives_its_encoding(seed):
    latencies = Latencies.of(counts_of(seed))

    assert decode_latencies(latencies.encode()) == latencies


def test_the_table_contains_the_percentiles_of_a_record():
    latencies = Latencies.of(counts_of(7))
    rows = list(latencies.rows())
    stated = {percentile: latencies.percentile_ms(percentile) for percentile in PERCENTILES}

    assert stated.pop(99.0) is stated.pop(99.9) is None  # too few operations, but the table has all rows
    assert None not in stated.values()
    assert {row.percentile: row.value_ms for row in rows}.items() >= stated.items()
    assert {row.percentile for row in rows} >= set(PERCENTILES)
    assert [row.percentile for row in rows] == sorted({row.percentile for row in rows})
    assert [row.reached for row in rows] == sorted(row.reached for row in rows)
    assert (rows[-1].percentile, rows[-1].reached, rows[-1].value_ms) == (100.0, latencies.total, latencies.max_ms)


def test_bins_count_every_operation():
    counts = counts_of(3)

    assert Latencies.of(counts).bins() == tuple(sorted(sum((Counter({bin_of(v): n}) for v, n in counts.items()),
                                                           Counter()).items()))  # fmt: skip


def test_without_operations_there_is_nothing_to_state():
    nothing = Latencies.of({})

    assert (nothing.total, nothing.max_ms, nothing.percentile_ms(50.0)) == (0, None, None)
    assert list(nothing.rows()) == [] and nothing.bins() == ()
