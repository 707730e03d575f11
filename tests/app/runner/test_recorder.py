"""What clients write down: nothing is lost while it is drained, and buckets are those of HdrHistogram."""

from __future__ import annotations

import random
import sys
import threading
from array import array

import pytest

from membench.runner.recorder import ClientLog, fold
from membench.session.measurement import LATENCY_HIGHEST_NS, latency_histogram

APPENDED = 500_000


def test_buckets_are_those_of_hdrhistogram():
    generator = random.Random(1)
    values = [int(2 ** generator.uniform(0, 41.7)) for _ in range(20_000)]
    values += [edge + step for power in range(42) for step in (-1, 0, 1) if (edge := 2**power) + step > 0]
    values = [value for value in values if value <= LATENCY_HIGHEST_NS] + [1, LATENCY_HIGHEST_NS]
    histogram = latency_histogram()
    expected = sorted(histogram.get_lowest_equivalent_value(value) for value in values)

    folded, counts = fold([array("q", values[:7000]), array("q"), array("q", values[7000:])])

    assert [value for value, count in zip(folded, counts, strict=True) for _ in range(count)] == expected
    assert list(folded) == sorted(set(folded))


def test_no_latencies_fold_to_nothing():
    assert fold([array("q"), array("q")]) == ((), ())


@pytest.fixture
def restless():
    """Threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_draining_while_a_client_notes_loses_nothing(restless):
    log = ClientLog(takes_lists=False)
    writer = threading.Thread(target=lambda: [log.latencies_ns.append(i) for i in range(APPENDED)])
    drained = []
    writer.start()
    while writer.is_alive():
        drained.append(log.drain())
    drained.append(log.drain())

    assert len(drained) > 2
    assert log.acknowledged == APPENDED
    assert [value for part in drained for value in part] == list(range(APPENDED))


def test_failures_are_counted_by_kind_and_their_texts_kept():
    log = ClientLog(takes_lists=True)
    log.fail(ValueError("a"), ["one", "two"])
    log.fail(KeyError("b"), ["three"])
    log.fail(ValueError("c"), ["four"])

    assert log.errors == {"ValueError": 2, "KeyError": 1}
    assert log.failed == ["one", "two", "three", "four"]
    assert log.acknowledged == 0
