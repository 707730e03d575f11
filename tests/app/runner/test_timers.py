"""Metered sleeping: `time.sleep` and queues do what they always did, and it is told who slept where."""

from __future__ import annotations

import queue
import sys
import threading
from time import sleep

import pytest

from membench.runner import timers


def slept_here():
    """Sleeps noted in this file, by line: how often, and nanoseconds."""
    totals = {}
    for (site, _), (count, total_ns) in timers.slept().items():
        if site.path.endswith("test_timers.py"):
            before = totals.get(site.line, (0, 0))
            totals[site.line] = before[0] + count, before[1] + total_ns
    return totals


def test_a_sleep_is_told_with_its_place_and_length():
    for _ in range(3):
        timers._timed_sleep(0.002)
    line = sys._getframe().f_lineno - 1

    count, total_ns = slept_here()[line]
    assert count == 3
    assert total_ns >= 3 * 0.002e9


@pytest.mark.parametrize(("argument", "error"), [(-1, ValueError), ("1", TypeError), (None, TypeError)])
def test_a_sleep_that_cannot_be_raises_what_it_always_did(argument, error):
    before = timers.slept()
    with pytest.raises(error):
        timers._timed_sleep(argument)
    assert timers.slept() == before


def test_a_wait_that_runs_out_is_a_sleep_and_one_that_does_not_is_none():
    waited = timers._TimedQueue()
    before_ns = timers.result_wait_ns(threading.get_ident())
    waited.put("here")
    assert waited.get(timeout=60) == "here"
    assert not {line for line in slept_here() if line == sys._getframe().f_lineno - 1}
    with pytest.raises(queue.Empty):
        waited.get(timeout=0.01)
    line = sys._getframe().f_lineno - 1

    assert slept_here()[line][0] == 1
    assert slept_here()[line][1] >= 0.009e9
    assert timers.result_wait_ns(threading.get_ident()) - before_ns >= 0.009e9


def test_looking_into_a_queue_is_not_waiting():
    looked = timers._TimedQueue()
    before_ns, before = timers.result_wait_ns(threading.get_ident()), timers.slept()
    for look in (looked.get_nowait, lambda: looked.get(False), lambda: looked.get(block=False, timeout=1)):
        with pytest.raises(queue.Empty):
            look()

    assert timers.result_wait_ns(threading.get_ident()) == before_ns
    assert timers.slept() == before


def test_threads_are_told_apart():
    names = {}

    def run(times):
        for _ in range(times):
            timers._timed_sleep(0.001)
        names[threading.get_ident()] = times
        barrier.wait()

    barrier = threading.Barrier(3)
    workers = [threading.Thread(target=run, args=(times,)) for times in (2, 5)]
    for worker in workers:
        worker.start()
    barrier.wait()
    told = {thread: count for (site, thread), (count, _) in timers.slept().items() if thread in names}

    assert told == names


def test_this_process_sleeps_unmetered():
    assert sleep is timers._bare_sleep
