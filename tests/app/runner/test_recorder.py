"""The logs of clients: draining loses nothing, and the buckets are those of HdrHistogram."""

from __future__ import annotations

import random
import sys
import threading
from array import array

import pytest
from hdrh.histogram import HdrHistogram

from membench.results.latency import HIGHEST_NS, SIGNIFICANT_DIGITS
from membench.runner.recorder import ClientLog, bucket_counts

APPENDED = 500_000


def test_buckets_match_hdrhistogram():
    generator = random.Random(1)
    values = [int(2 ** generator.uniform(0, 41.7)) for _ in range(20_000)]
    values += [edge + step for power in range(42) for step in (-1, 0, 1) if (edge := 2**power) + step > 0]
    values = [value for value in values if value <= HIGHEST_NS] + [1, HIGHEST_NS]
    histogram = HdrHistogram(1, HIGHEST_NS, SIGNIFICANT_DIGITS)
    expected = sorted(histogram.get_lowest_equivalent_value(value) for value in values)

    buckets, counts = bucket_counts([array("q", values[:7000]), array("q"), array("q", values[7000:])])

    assert [value for value, count in zip(buckets, counts, strict=True) for _ in range(count)] == expected
    assert list(buckets) == sorted(set(buckets))


def test_no_latencies_have_no_buckets():
    assert bucket_counts([array("q"), array("q")]) == ((), ())


@pytest.fixture
def frequent_switches():
    """Make the interpreter switch threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_draining_while_a_client_appends_loses_nothing(frequent_switches):
    log = ClientLog(batched=False)
    writer = threading.Thread(target=lambda: [log.latencies_ns.append(i) for i in range(APPENDED)])
    drained = []
    writer.start()
    while writer.is_alive():
        drained.append(log.drain())
    drained.append(log.drain())

    assert len(drained) > 2
    assert log.acknowledged == APPENDED
    assert [value for part in drained for value in part] == list(range(APPENDED))


def test_failures_are_counted_by_type_and_keep_their_texts():
    log = ClientLog(batched=True)
    log.record_failure(ValueError("a"), ["one", "two"], 5)
    log.record_failure(KeyError("b"), ["three"], 7)
    log.record_failure(ValueError("c"), ["four"], 6)

    assert log.errors == {"ValueError": 2, "KeyError": 1}
    assert log.failed_texts == ["one", "two", "three", "four"]
    assert (log.drain_failures().tolist(), log.drain_failures().tolist()) == ([5, 7, 6], [])
    assert log.acknowledged == 0
