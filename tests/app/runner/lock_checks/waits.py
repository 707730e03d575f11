"""Waits for results, and sleeps: neither is a wait for a lock."""

from __future__ import annotations

import concurrent.futures
import queue
import threading
import time
from pathlib import Path

from support import raises

from membench.runner import lock_usage, timers


def check_a_condition_waits_for_a_result_not_for_a_lock():
    me = threading.get_ident()
    lock_before_ns, result_before_ns = lock_usage.lock_wait_ns(me), timers.result_wait_ns(me)
    assert not threading.Event().wait(0.05)
    raises(queue.Empty, queue.Queue().get, timeout=0.05)
    raises(concurrent.futures.TimeoutError, concurrent.futures.Future().result, 0.05)
    raises(queue.Empty, queue.SimpleQueue().get, timeout=0.05)
    result_ns = timers.result_wait_ns(me) - result_before_ns
    lock_ns = lock_usage.lock_wait_ns(me) - lock_before_ns
    assert result_ns >= 0.19e9, result_ns
    assert lock_ns < 0.05e9, lock_ns


def check_a_wait_for_a_result_that_arrives_counts():
    replies = queue.SimpleQueue()
    before_ns = timers.result_wait_ns(threading.get_ident())
    threading.Timer(0.05, replies.put, (1,)).start()
    assert replies.get() == 1
    assert timers.result_wait_ns(threading.get_ident()) - before_ns >= 0.03e9


def check_sleeps_are_recorded_by_site():
    for _ in range(3):
        time.sleep(0.002)
    line = check_sleeps_are_recorded_by_site.__code__.co_firstlineno + 2
    totals = {
        site.line: total for (site, _), total in timers.sleep_totals().items() if site.path == Path(__file__).name
    }
    assert totals[line].sleeps == 3
    assert totals[line].slept_ns >= 0.006e9
