"""Metered sleep: `time.sleep` and queues behave as before, and each sleep is recorded by site and thread."""

from __future__ import annotations

import queue
import sys
import threading
from time import sleep

import pytest

from membench.runner import timers


def sleeps_by_line():
    """Return the number of sleeps and the nanoseconds slept at each line of this file."""
    totals = {}
    for (site, _), (count, total_ns) in timers.sleep_totals().items():
        if site.path.endswith("test_timers.py"):
            before = totals.get(site.line, (0, 0))
            totals[site.line] = before[0] + count, before[1] + total_ns
    return totals


def test_a_sleep_is_recorded_with_its_site_and_length():
    for _ in range(3):
        timers._timed_sleep(0.002)
    line = sys._getframe().f_lineno - 1

    sleeps, slept_ns = sleeps_by_line()[line]
    assert sleeps == 3
    assert slept_ns >= 3 * 0.002e9


@pytest.mark.parametrize(("argument", "error"), [(-1, ValueError), ("1", TypeError), (None, TypeError)])
def test_an_invalid_sleep_raises_the_usual_error_and_is_not_recorded(argument, error):
    before = timers.sleep_totals()
    with pytest.raises(error):
        timers._timed_sleep(argument)
    assert timers.sleep_totals() == before


def test_only_a_wait_that_times_out_is_a_sleep():
    metered_queue = timers._TimedQueue()
    before_ns = timers.result_wait_ns(threading.get_ident())
    metered_queue.put("item")
    assert metered_queue.get(timeout=60) == "item"
    assert not {line for line in sleeps_by_line() if line == sys._getframe().f_lineno - 1}
    with pytest.raises(queue.Empty):
        metered_queue.get(timeout=0.01)
    line = sys._getframe().f_lineno - 1

    assert sleeps_by_line()[line][0] == 1
    assert sleeps_by_line()[line][1] >= 0.009e9
    assert timers.result_wait_ns(threading.get_ident()) - before_ns >= 0.009e9


def test_a_call_that_does_not_block_is_not_recorded():
    metered_queue = timers._TimedQueue()
    before_ns, before = timers.result_wait_ns(threading.get_ident()), timers.sleep_totals()
    for get in (
        metered_queue.get_nowait,
        lambda: metered_queue.get(False),
        lambda: metered_queue.get(block=False, timeout=1),
    ):
        with pytest.raises(queue.Empty):
            get()

    assert timers.result_wait_ns(threading.get_ident()) == before_ns
    assert timers.sleep_totals() == before


def test_sleeps_are_recorded_by_thread():
    sleeps_of = {}
    barrier = threading.Barrier(3)

    def sleep_repeatedly(times):
        for _ in range(times):
            timers._timed_sleep(0.001)
        sleeps_of[threading.get_ident()] = times
        barrier.wait()

    for times in (2, 5):
        threading.Thread(target=sleep_repeatedly, args=(times,)).start()
    barrier.wait()
    recorded = {thread: total.sleeps for (_, thread), total in timers.sleep_totals().items() if thread in sleeps_of}

    assert recorded == sleeps_of


def test_importing_the_module_meters_nothing():
    assert sleep is timers._bare_sleep
